/* The diagnoses' part of each report. */
#ifndef LASTACK_REPORT_DIAGNOSIS_REPORT_H
#define LASTACK_REPORT_DIAGNOSIS_REPORT_H

#include <stdint.h>

#include "report/diagnosis.h"
#include "report/json_writer.h"
#include "report/page.h"
#include "report/report.h"

/* One line a diagnosis, worst first: what a reader must see first. */
void diagnoses_brief(const struct page *page, const struct diagnoses *diagnoses);
/* Each in full: who, since when, meaning, what to do, evidence. */
void diagnoses_text(const struct page *page, const struct diagnoses *diagnoses);
/* The table of ends without FIN; nothing where there was none. */
void aborts_text(const struct page *page, const struct diagnoses *diagnoses);
/* TIME_WAITs at once and effective MSL; nothing where there is neither. */
void time_wait_text(const struct page *page, const struct diagnoses *diagnoses);
/* Silences before resets, as bars. */
void silences_text(const struct page *page, const struct diagnoses *diagnoses);

/* Members of the document: diagnoses, aborts, time_wait_load, effective_msl, rst_silence, over_time. */
void diagnoses_json(struct json *json, const struct diagnoses *diagnoses);

/* "10.0.0.1:443", "[2001:db8::1]:443", or the address alone where port is 0. */
const char *endpoint_text(char *out, size_t size, const char *address, uint16_t port);

#endif
