/* Which packets belong to connections, and their way into a pcap file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "streams/packet_list.h"
#include "streams/pcap_out.h"
#include "tests/stream_scene.h"

enum { ETHERNET = 1, RAW_IP = 101, LINUX_SLL = 113 };
#define BILLION INT64_C(1000000000)

static void tell(struct told *t, uint32_t file, uint64_t packet, enum segment_kind kind)
{
	struct segment segment = {.file = file, .packet = packet};
	struct error err = {""};

	assert_true(t->consumer.segment(t->consumer.context, &t->reading, SIDE_INITIATOR, &segment,
					kind, &err));
}

static void tell_fragments(struct told *t)
{
	static const struct packet_place places[] = {{3, 0}, {5, 0}, {4, 1}};
	struct segment segment = {.file = 1, .packet = 4, .fragments = places, .fragment_count = 3};
	struct error err = {""};

	assert_true(t->consumer.segment(t->consumer.context, &t->reading, SIDE_RESPONDER, &segment,
					SEGMENT_TAKEN, &err));
}

static void expect_packets(const struct packet_set *set, uint32_t file, const char *wanted)
{
	char found[512] = "";
	size_t used = 0;

	for (uint64_t number = 0; number < 100000 && used < sizeof(found) - 24; number++)
		if (packet_set_has(set, file, number))
			used += (size_t)snprintf(found + used, sizeof(found) - used, " %llu",
						 (unsigned long long)number);
	assert_string_equal(found, wanted);
}

static void test_all(void **state)
{
	struct packet_list list = {0};
	struct told t = told_open(packet_list_consumer(&list), 1);
	struct error err = {""};

	(void)state;
	tell(&t, 0, 1, SEGMENT_TAKEN);
	tell(&t, 0, 70000, SEGMENT_DUPLICATE);
	tell(&t, 2, 9, SEGMENT_TAKEN);
	tell_fragments(&t);
	assert_true(t.consumer.icmp(t.consumer.context, &t.reading,
				    &(struct icmp_error){.file = 1, .packet = 6}, &err));
	assert_true(told_close(&t, true, &err));
	expect_packets(&list.set, 0, " 1 3 5 70000");
	expect_packets(&list.set, 1, " 4 6");
	expect_packets(&list.set, 2, " 9");
	expect_packets(&list.set, 3, "");
	assert_int_equal(list.set.count, 7);
	assert_int_equal(list.connections, 1);
	packet_set_free(&list.set);
}

static struct selection *select_one(const struct told *t)
{
	static const uint8_t hash_key[16] = {1};
	struct selection *s = selection_new(hash_key);
	struct wanted w = {.id = 5, .ip_version = 4, .first_ns = t->verdict.first_ns};
	struct error err = {""};

	for (int side = 0; side < SIDES; side++) {
		w.address[side] = t->verdict.dir[side].address;
		w.port[side] = t->verdict.dir[side].port;
	}
	assert_true(selection_add(s, &w, &err));
	return s;
}

/* Of two incarnations of a tuple one is wanted: the other's packets go, and so does what moved to the
 * other one. */
static void test_selected(void **state)
{
	struct packet_list all = {0}, list = {0};
	struct told probe = told_open(packet_list_consumer(&all), 1), wanted, other, stranger;
	struct error err = {""};

	(void)state;
	list.selection = select_one(&probe);
	wanted = told_open(packet_list_consumer(&list), 1);
	other = told_open(packet_list_consumer(&list), 1);
	other.verdict.first_ns++;
	stranger = told_open(packet_list_consumer(&list), 2);
	assert_false(stranger.reading.wants_segments);
	for (uint64_t packet = 1; packet < 5000; packet += 500) {
		tell(&wanted, 0, packet, SEGMENT_TAKEN);
		tell(&other, 0, packet + 1, SEGMENT_TAKEN);
	}
	tell(&wanted, 1, 2, SEGMENT_TAKEN);
	tell(&wanted, 0, 4600, SEGMENT_TAKEN);
	tell(&wanted, 0, 501, SEGMENT_MOVED_AWAY);
	tell(&wanted, 0, 4501, SEGMENT_MOVED_AWAY);
	tell(&other, 0, 4501, SEGMENT_TAKEN);
	assert_true(told_close(&wanted, true, &err));
	assert_true(told_close(&other, true, &err));
	assert_true(told_close(&stranger, true, &err));
	expect_packets(&list.set, 0, " 1 1001 1501 2001 2501 3001 3501 4001 4600");
	expect_packets(&list.set, 1, " 2");
	assert_int_equal(list.connections, 1);
	assert_true(selection_at(list.selection, 0)->found);
	packet_set_free(&list.set);
	selection_free(list.selection);
}

static const uint8_t bytes[] = "a packet's bytes";

static struct packet packet_at(uint64_t number, uint32_t linktype, int64_t ts_ns)
{
	return (struct packet){.data = bytes,
			       .number = number,
			       .ts_ns = ts_ns,
			       .caplen = 10 + (uint32_t)number,
			       .wirelen = 1000,
			       .linktype = linktype};
}

/* Writes two packets, reads them back with libpcap. */
static void round_trip(const char *folder, uint32_t linktype, int64_t second_ns, int dlt,
		       int precision)
{
	struct packet packets[] = {packet_at(1, linktype, 7 * BILLION),
				   packet_at(2, linktype, second_ns)};
	const char *path = scene_path(folder, "out.pcap");
	struct pcap_survey survey = {0};
	struct error err = {""};
	struct pcap_out *out;
	struct pcap_pkthdr *header;
	const u_char *data;
	char problem[PCAP_ERRBUF_SIZE];
	pcap_t *pcap;

	for (int i = 0; i < 2; i++)
		assert_true(pcap_survey_add(&survey, &packets[i], "some.pcap", &err));
	out = pcap_out_open(path, true, &survey, &err);
	if (!out)
		fail_msg("%s", err.text);
	for (int i = 0; i < 2; i++)
		assert_true(pcap_out_write(out, &packets[i], &err));
	assert_int_equal(folder_entries(folder), 1); /* the temporary one */
	assert_true(pcap_out_finish(out, &err));
	pcap_out_free(out);
	pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, problem);
	assert_non_null(pcap);
	assert_int_equal(pcap_datalink(pcap), dlt);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pcap_next_ex(pcap, &header, &data), 1);
		assert_int_equal(header->caplen, packets[i].caplen);
		assert_int_equal(header->len, 1000);
		assert_int_equal(header->ts.tv_sec * BILLION + header->ts.tv_usec,
				 packets[i].ts_ns);
		assert_memory_equal(data, bytes, header->caplen);
	}
	assert_int_equal(pcap_next_ex(pcap, &header, &data), PCAP_ERROR_BREAK);
	pcap_close(pcap);
	{
		struct scene_bytes file = scene_read(path);

		assert_int_equal(file.bytes[0], precision);
		free(file.bytes);
	}
	remove(path);
}

static void test_pcap(void **state)
{
	enum { MICROSECONDS = 0xd4, NANOSECONDS = 0x4d };
	char *folder = scene_folder();

	(void)state;
	round_trip(folder, ETHERNET, 8 * BILLION + 1000, DLT_EN10MB, MICROSECONDS);
	round_trip(folder, ETHERNET, 8 * BILLION + 1, DLT_EN10MB, NANOSECONDS);
	round_trip(folder, RAW_IP, INT64_C(2147483647) * BILLION, DLT_RAW, MICROSECONDS);
	scene_remove(folder);
}

static void expect_refused(const struct packet *a, const struct packet *b, const char *part)
{
	struct pcap_survey survey = {0};
	struct error err = {""};

	if (pcap_survey_add(&survey, a, "a.pcap", &err) &&
	    pcap_survey_add(&survey, b, "b.pcap", &err))
		fail_msg("taken, not refused with '%s'", part);
	if (!strstr(err.text, part))
		fail_msg("'%s' lacks '%s'", err.text, part);
}

static void test_pcap_cannot_hold(void **state)
{
	struct packet good = packet_at(1, ETHERNET, 1), other = packet_at(2, LINUX_SLL, 1);
	struct packet early = packet_at(3, ETHERNET, -1);
	struct packet late = packet_at(4, ETHERNET, INT64_C(4294967296) * BILLION);

	(void)state;
	expect_refused(&good, &other,
		       "packet 1 of a.pcap is Ethernet (1) and packet 2 of b.pcap is");
	expect_refused(&good, &early, "packet 3 of b.pcap is outside 1970 to 2106");
	expect_refused(&late, &good, "packet 4 of a.pcap is outside");
}

static void test_pcap_taken(void **state)
{
	struct pcap_survey survey = {.linktype = ETHERNET};
	char *folder = scene_folder();
	const char *path = scene_path(folder, "out.pcap");
	struct error err = {""};
	struct packet packet = packet_at(1, ETHERNET, 1);
	struct pcap_out *out;

	(void)state;
	scene_write(path, "mine", 4);
	assert_null(pcap_out_open(path, false, &survey, &err));
	assert_non_null(strstr(err.text, "out.pcap is there already"));
	assert_false(pcap_out_check(path, false, &err));
	assert_false(pcap_out_check(folder, true, &err));
	/* given up: what was there stays */
	out = pcap_out_open(path, true, &survey, &err);
	assert_non_null(out);
	assert_true(pcap_out_write(out, &packet, &err));
	pcap_out_free(out);
	expect_file(folder, "out.pcap", "mine", 4);
	assert_int_equal(folder_entries(folder), 1);
	scene_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),        cmocka_unit_test(test_selected),
		cmocka_unit_test(test_pcap),       cmocka_unit_test(test_pcap_cannot_hold),
		cmocka_unit_test(test_pcap_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
