/* Draws the model on a canvas of any size: as many panels as there is room for. */
#ifndef LASTACK_MONITOR_VIEW_PAINT_H
#define LASTACK_MONITOR_VIEW_PAINT_H

#include "monitor/canvas.h"
#include "monitor/view_model.h"

/* Clears and fills the canvas. Tells the model how many rows the focused panel or the ladder has, and
 * scrolls so that the selected row is in sight. */
void view_paint(struct canvas *canvas, struct view_model *model);

#endif
