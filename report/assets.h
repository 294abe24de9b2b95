/* Style and script of the pictures and the HTML report: the files of report/assets, embedded by the
 * build (scripts/embed_assets.py), with the hashes that the report's Content-Security-Policy names. */
#ifndef LASTACK_REPORT_ASSETS_H
#define LASTACK_REPORT_ASSETS_H

#include <stddef.h>

extern const char asset_ladder_style[]; /* ladder.css */
extern const size_t asset_ladder_style_size;
extern const char asset_style[]; /* ladder.css and report.css */
extern const size_t asset_style_size;
extern const char asset_style_hash[]; /* "sha256-..." of exactly these bytes */
extern const char asset_script[];     /* report.js */
extern const size_t asset_script_size;
extern const char asset_script_hash[];

#endif
