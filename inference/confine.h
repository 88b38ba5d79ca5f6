/* What the process gives up once its models are loaded. Knows no link and no model. */
#pragma once

/* No file can be opened any more (Landlock, landlock(7)), no program gains rights, no other
 * process may read this one's memory. Logs what the kernel lacks and goes on. */
void confine_self(void);
