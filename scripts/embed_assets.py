#!/usr/bin/env python3
"""Writes report/assets/*.css and *.js as C, with the hashes of the Content-Security-Policy.

    embed_assets.py LADDER.css REPORT.css REPORT.js OUTPUT.c
"""
import base64
import hashlib
import pathlib
import sys


def array(name, data):
	"""A byte array: string literals of this length are beyond what C promises."""
	rows = [", ".join(str(b) for b in data[i:i + 24]) for i in range(0, len(data), 24)]
	return "const char asset_%s[] = {\n\t%s};\nconst size_t asset_%s_size = %d;\n" % (
		name, ",\n\t".join(rows or ["0"]), name, len(data))


def hashed(name, data):
	digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
	return array(name, data) + 'const char asset_%s_hash[] = "sha256-%s";\n' % (name, digest)


def main():
	ladder, report, script = (pathlib.Path(p).read_bytes() for p in sys.argv[1:4])
	for data, end in ((ladder + report, b"</style"), (script, b"</script")):
		if not data.isascii() or end in data.lower():
			sys.exit("assets must be ASCII and must not hold '%s'" % end.decode())
	pathlib.Path(sys.argv[4]).write_text('#include "report/assets.h"\n\n'
		+ array("ladder_style", ladder) + hashed("style", ladder + report)
		+ hashed("script", script))


main()
