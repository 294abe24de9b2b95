# bash completion for lastack; written by scripts/completions
_lastack()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]}
	local words=
	if [ "$COMP_CWORD" -eq 1 ]; then
		words="analyze extract monitor query report show --help --version"
	else
		case "$command $previous" in
		"analyze --filter") return ;;
		"analyze --format") words="text json none" ;;
		"analyze --fail-on") return ;;
		"analyze --msl") return ;;
		"analyze --idle-timeout") return ;;
		"analyze --stuck") return ;;
		"analyze --ladders") words="unclean all none" ;;
		"analyze --max-flows") return ;;
		"analyze --max-memory") return ;;
		"analyze --stream-memory") return ;;
		"analyze --overlap") words="first last" ;;
		"analyze --mark") return ;;
		"analyze --hash-seed") return ;;
		"extract --gaps") words="skip zero split" ;;
		"extract --connection") return ;;
		"extract --teardown") words="stray refused unanswered handshake_aborted handshake_incomplete rst_abort rst_after_fin four_way three_segment simultaneous half_closed fin_unanswered open" ;;
		"extract --closer") words="initiator responder both none" ;;
		"extract --end-reason") words="closed reset superseded idle_timeout evicted capture_end" ;;
		"extract --cause") words="port_closed half_open data_after_close no_such_connection retransmission_failure keepalive_failure idle_timeout unread_data application_abort" ;;
		"extract --stage") words="syn established_no_data after_first_data established fin_wait_1 fin_wait_2 close_wait closing last_ack" ;;
		"extract --reset-by") words="initiator responder" ;;
		"extract --time-wait") words="held unverified reused_ok reused_early cut_short assassinated not_applicable" ;;
		"extract --state") words="S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH" ;;
		"extract --finding") return ;;
		"extract --severity") words="info warning error" ;;
		"extract --host") return ;;
		"extract --port") return ;;
		"extract --client") return ;;
		"extract --server") return ;;
		"extract --server-port") return ;;
		"extract --application") return ;;
		"extract --server-name") return ;;
		"extract --contains") return ;;
		"extract --vlan") return ;;
		"extract --tunnel") return ;;
		"extract --since") return ;;
		"extract --until") return ;;
		"extract --min-duration") return ;;
		"extract --max-duration") return ;;
		"extract --community-id") return ;;
		"extract --filter") return ;;
		"extract --msl") return ;;
		"extract --idle-timeout") return ;;
		"extract --stuck") return ;;
		"extract --max-flows") return ;;
		"extract --max-memory") return ;;
		"extract --stream-memory") return ;;
		"extract --overlap") words="first last" ;;
		"extract --hash-seed") return ;;
		"monitor --interface") return ;;
		"monitor --buffer") return ;;
		"monitor --snaplen") return ;;
		"monitor --workers") return ;;
		"monitor --keep") return ;;
		"monitor --keep-size") return ;;
		"monitor --backlog") return ;;
		"monitor --format") words="text json" ;;
		"monitor --interval") return ;;
		"monitor --metrics") return ;;
		"monitor --alert") return ;;
		"monitor --alert-command") return ;;
		"monitor --user") return ;;
		"monitor --filter") return ;;
		"monitor --msl") return ;;
		"monitor --idle-timeout") return ;;
		"monitor --stuck") return ;;
		"monitor --ladders") words="unclean all none" ;;
		"monitor --max-flows") return ;;
		"monitor --max-memory") return ;;
		"monitor --hash-seed") return ;;
		"query --teardown") words="stray refused unanswered handshake_aborted handshake_incomplete rst_abort rst_after_fin four_way three_segment simultaneous half_closed fin_unanswered open" ;;
		"query --closer") words="initiator responder both none" ;;
		"query --end-reason") words="closed reset superseded idle_timeout evicted capture_end" ;;
		"query --cause") words="port_closed half_open data_after_close no_such_connection retransmission_failure keepalive_failure idle_timeout unread_data application_abort" ;;
		"query --stage") words="syn established_no_data after_first_data established fin_wait_1 fin_wait_2 close_wait closing last_ack" ;;
		"query --reset-by") words="initiator responder" ;;
		"query --time-wait") words="held unverified reused_ok reused_early cut_short assassinated not_applicable" ;;
		"query --state") words="S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH" ;;
		"query --finding") return ;;
		"query --severity") words="info warning error" ;;
		"query --host") return ;;
		"query --port") return ;;
		"query --client") return ;;
		"query --server") return ;;
		"query --server-port") return ;;
		"query --application") return ;;
		"query --server-name") return ;;
		"query --contains") return ;;
		"query --vlan") return ;;
		"query --tunnel") return ;;
		"query --since") return ;;
		"query --until") return ;;
		"query --min-duration") return ;;
		"query --max-duration") return ;;
		"query --community-id") return ;;
		"query --by") words="host client server application teardown closer cause state hour" ;;
		"query --limit") return ;;
		"query --format") words="table json csv" ;;
		"query --sql") return ;;
		"report --format") words="text json md html" ;;
		"show --format") words="text json" ;;
		*)
			case "$command $current" in
			"analyze -"*) words="--db --filter --join --format --fail-on --msl --idle-timeout --stuck --keep-duplicates --verify-checksums --ladders --max-flows --max-memory --stream-memory --overlap --mark --check-streams --no-dpi --hash-seed --no-sandbox --quiet --help" ;;
			"extract -"*) words="--streams --pcap --gaps --overwrite --connection --db --quiet --teardown --closer --end-reason --incomplete --complete --cause --stage --reset-by --injected --time-wait --state --finding --severity --host --port --client --server --server-port --application --server-name --contains --capture --vlan --tunnel --midstream --since --until --min-duration --max-duration --community-id --filter --join --msl --idle-timeout --stuck --keep-duplicates --verify-checksums --max-flows --max-memory --stream-memory --overlap --hash-seed --no-sandbox --help" ;;
			"monitor -"*) words="--interface --list --buffer --snaplen --promiscuous --workers --dpi --keep --keep-size --backlog --no-view --format --interval --metrics --alert --alert-command --owners --user --db --filter --msl --idle-timeout --stuck --keep-duplicates --verify-checksums --ladders --max-flows --max-memory --hash-seed --no-sandbox --quiet --help" ;;
			"query -"*) words="--db --teardown --closer --end-reason --incomplete --complete --cause --stage --reset-by --injected --time-wait --state --finding --severity --host --port --client --server --server-port --application --server-name --contains --capture --vlan --tunnel --midstream --since --until --min-duration --max-duration --community-id --open --by --limit --format --sql --no-sandbox --quiet --help" ;;
			"report -"*) words="--db --against --format --no-sandbox --quiet --help" ;;
			"show -"*) words="--db --format --svg --ladder --no-sandbox --quiet --help" ;;
			esac
			;;
		esac
	fi
	if [ -n "$words" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	fi
}
complete -o filenames -F _lastack lastack
