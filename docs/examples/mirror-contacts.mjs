// Keeps a copy of a tenant's contacts in a file, and goes on where it stopped, whatever was restarted meanwhile.
//   ROWHOUSE_URL=http://127.0.0.1:5678/graphql ROWHOUSE_KEY=rh_… node mirror-contacts.mjs contacts.json
// The key needs the scopes crm:read and events:read. Nothing but Node is needed.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const { ROWHOUSE_URL: url, ROWHOUSE_KEY: key } = process.env;
const file = process.argv[2] ?? "contacts.json";
const pageSize = 100;

/** The copy, and the place in the feed up to which it is complete: they are kept together. */
let mirror = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;

/** A file is replaced as a whole or not at all. */
function save() {
  writeFileSync(`${file}.new`, JSON.stringify(mirror));
  renameSync(`${file}.new`, file);
}

/** An answer with errors: its code says what to do. */
class Refused extends Error {}

async function ask(query, variables) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
    signal: AbortSignal.timeout(30_000),
  });
  const { data, errors } = await response.json();
  if (!errors) return data;
  const { code, field } = errors[0].extensions ?? {};
  throw Object.assign(new Refused(errors[0].message), { code, field });
}

const fields = "id displayName firstName lastName title status";

/** All contacts: first where the feed stands, then the rows, so that nothing falls in between. */
async function readAll() {
  const { feedHead } = await ask("{ feedHead }");
  const contacts = {};
  for (let after = null, more = true; more;) {
    const query = `query($after: Cursor, $first: Int) { contacts(after: $after, first: $first) {
      nodes { ${fields} } pageInfo { hasNextPage endCursor } } }`;
    const { nodes, pageInfo } = (await ask(query, { after, first: pageSize })).contacts;
    for (const contact of nodes) contacts[contact.id] = contact;
    ({ endCursor: after, hasNextPage: more } = pageInfo);
  }
  mirror = { cursor: feedHead, contacts };
  save();
}

/** The next page of changes. An event says which rows changed; what they are now is read from the rows. */
async function readChanges() {
  const query = `query($after: Cursor, $first: Int) { events(after: $after, types: ["contact.*"], first: $first) {
    nodes { subjectIds rowCount } cursor hasMore } }`;
  const { nodes, cursor, hasMore } = (await ask(query, { after: mirror.cursor, first: pageSize })).events;
  // Too many at once to be named: all are read anew.
  if (nodes.some(({ subjectIds, rowCount }) => Number(rowCount) > subjectIds.length)) return readAll();
  const changed = [...new Set(nodes.flatMap(({ subjectIds }) => subjectIds))];
  for (let n = 0; n < changed.length; n += pageSize) {
    const ids = changed.slice(n, n + pageSize);
    const rows = `query($ids: [ID!]!, $first: Int) { contacts(filter: { id: { in: $ids } }, first: $first) { nodes { ${fields} } } }`;
    const { contacts } = await ask(rows, { ids, first: pageSize });
    // What is not there any more was deleted.
    for (const id of ids) delete mirror.contacts[id];
    for (const contact of contacts.nodes) mirror.contacts[contact.id] = contact;
  }
  mirror.cursor = cursor;
  save();
  if (!hasMore) await sleep(500);
}

for (let failures = 0; ;) {
  try {
    if (mirror) await readChanges();
    else await readAll();
    failures = 0;
  } catch (error) {
    if (error.code === "UNAUTHENTICATED" || error.code === "FORBIDDEN") throw error;
    // The place in the feed is kept no more: begin anew.
    if (error.code === "INVALID_STATE" && error.field === "after") mirror = undefined;
    // What was half applied is read again from the file.
    else if (existsSync(file)) mirror = JSON.parse(readFileSync(file, "utf8"));
    const pause = Math.min(5_000, 200 * 2 ** failures++);
    console.error(`${error.message}; trying again in ${pause} ms`);
    await sleep(pause);
  }
}
