/* Inside the ladder's model: which segment moves which end to which state, and where findings show. */
#ifndef LASTACK_REPORT_LADDER_STATES_H
#define LASTACK_REPORT_LADDER_STATES_H

#include "report/ladder_view.h"

/* Fills the states of all steps, from the segments and the timeline. */
void ladder_states_fill(struct ladder_view *view);
/* Finds the step of a finding and marks it; position is that of the file its packet counts in. */
void ladder_states_place(struct ladder_view *view, struct view_finding *finding, uint32_t position);

#endif
