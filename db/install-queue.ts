/** Run by graphile-migrate after it has made an empty database, whose URL it passes in GM_DBURL. */
import { installQueue } from "../lib/migrate.ts";

const url = process.env.GM_DBURL;
if (!url) throw new Error("GM_DBURL is not set; this program is run by graphile-migrate (see .gmrc).");
await installQueue(url);
