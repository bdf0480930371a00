"""Keeps a copy of a tenant's contacts in SQLite, and goes on where it stopped, whatever was restarted meanwhile.

    ROWHOUSE_URL=http://127.0.0.1:5678/graphql ROWHOUSE_KEY=rh_... python3 mirror_contacts.py contacts.db

The key needs the scopes crm:read and events:read. Nothing but Python's standard library is needed.
"""

import http.client
import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.request

URL = os.environ["ROWHOUSE_URL"]
KEY = os.environ["ROWHOUSE_KEY"]
FILE = sys.argv[1] if len(sys.argv) > 1 else "contacts.db"
PAGE_SIZE = 100
FIELDS = "id displayName firstName lastName title status"


class Refused(Exception):
    """An answer with errors: its code says what to do."""

    def __init__(self, error):
        super().__init__(error["message"])
        extensions = error.get("extensions", {})
        self.code = extensions.get("code")
        self.field = extensions.get("field")


def ask(query, variables=None):
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(URL, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    if answer.get("errors"):
        raise Refused(answer["errors"][0])
    return answer["data"]


def save(database, contacts):
    database.executemany(
        "insert or replace into contacts (id, contact) values (?, ?)",
        [(contact["id"], json.dumps(contact)) for contact in contacts],
    )


def move(database, cursor):
    database.execute("insert or replace into place (only, cursor) values (1, ?)", (cursor,))


def read_all(database):
    """All contacts: first where the feed stands, then the rows, so that nothing falls in between."""
    head = ask("{ feedHead }")["feedHead"]
    query = f"""query($after: Cursor, $first: Int) {{ contacts(after: $after, first: $first) {{
      nodes {{ {FIELDS} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
    with database:
        database.execute("delete from contacts")
        after = None
        while True:
            page = ask(query, {"after": after, "first": PAGE_SIZE})["contacts"]
            save(database, page["nodes"])
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        move(database, head)


def read_changes(database, cursor):
    """The next page of changes; whether more follow. The copy and its place in the feed change together."""
    query = """query($after: Cursor, $first: Int) { events(after: $after, types: ["contact.*"], first: $first) {
      nodes { subjectIds rowCount } cursor hasMore } }"""
    page = ask(query, {"after": cursor, "first": PAGE_SIZE})["events"]
    # Too many at once to be named: all are read anew.
    if any(int(event["rowCount"]) > len(event["subjectIds"]) for event in page["nodes"]):
        read_all(database)
        return True
    changed = sorted({key for event in page["nodes"] for key in event["subjectIds"]})
    rows = f"""query($ids: [ID!]!, $first: Int) {{
      contacts(filter: {{ id: {{ in: $ids }} }}, first: $first) {{ nodes {{ {FIELDS} }} }} }}"""
    with database:
        for start in range(0, len(changed), PAGE_SIZE):
            ids = changed[start : start + PAGE_SIZE]
            # What is not there any more was deleted.
            database.executemany("delete from contacts where id = ?", [(each,) for each in ids])
            save(database, ask(rows, {"ids": ids, "first": PAGE_SIZE})["contacts"]["nodes"])
        move(database, page["cursor"])
    return page["hasMore"]


def main():
    database = sqlite3.connect(FILE)
    database.execute("create table if not exists contacts (id text primary key, contact text not null)")
    database.execute("create table if not exists place (only integer primary key, cursor text not null)")
    database.commit()
    failures = 0
    while True:
        try:
            place = database.execute("select cursor from place").fetchone()
            if place is None:
                read_all(database)
            elif not read_changes(database, place[0]):
                time.sleep(0.5)
            failures = 0
        except (Refused, OSError, ValueError, http.client.HTTPException) as error:
            code, field = getattr(error, "code", None), getattr(error, "field", None)
            if code in ("UNAUTHENTICATED", "FORBIDDEN"):
                raise
            # The place in the feed is kept no more: begin anew.
            if (code, field) == ("INVALID_STATE", "after"):
                with database:
                    database.execute("delete from place")
            pause = min(5, 0.2 * 2**failures)
            failures += 1
            print(f"{error}; trying again in {pause} s", file=sys.stderr)
            time.sleep(pause)


main()
