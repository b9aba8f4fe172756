"""Stores to search in: on SQLite, and on PostgreSQL where Debian's is installed."""

from dataclasses import replace
from datetime import datetime

import orjson
import pytest
from imaging_selection.search.extract import index_of
from imaging_selection.search.parse_criterion import Context
from imaging_selection.search.parse_request import parse_search
from imaging_selection.store.draft import Draft
from imaging_selection.store.engine import Database
from imaging_selection.store.ledger import CONVERTED, LedgerEntry
from imaging_selection.store.schema import SELECTIONS, STRUCTURE_SETS, TEXTS, TOKENS
from imaging_selection.store.selections import Selections
from sqlalchemy import delete
from support.search_cases import BASE, NOW


def draft_of(resource):
    return Draft(
        resource["resourceType"],
        resource["id"],
        orjson.dumps(resource),
        index_of(resource),
    )


class Archive:
    """A store that is filled with resources, and searched as the API does."""

    def __init__(self, url):
        self.database = Database(url)
        self.selections = Selections(self.database)
        # Takes no criterion for a narrow one: as a store far larger than these.
        self.crowded = Selections(self.database, maximum_candidates=0)

    def save(self, resource, structure_set=None):
        """Save one selection; a structure set of the same name loses its others."""
        name = structure_set or f"set-of-{resource['id']}"
        meta = {k: v for k, v in resource["meta"].items() if k != "lastUpdated"}
        content = {**resource, "meta": {"tag": [], **meta}}
        draft = draft_of(content)
        entry = LedgerEntry(name, CONVERTED, "mark", "version", NOW)
        self.selections.save_all([(entry, [draft])], resource["meta"]["lastUpdated"])

    def save_together(self, structure_set, resources):
        """Save the selections of a structure set, in place of those it had."""
        drafts = map(draft_of, resources)
        entry = LedgerEntry(structure_set, CONVERTED, "mark", "version", NOW)
        self.selections.save_all([(entry, drafts)], NOW)

    def remove(self, resource):
        self.selections.remove(f"set-of-{resource['id']}", NOW)

    def emptied(self):
        """Forget everything."""
        with self.database.transaction() as connection:
            for table in (TOKENS, TEXTS, SELECTIONS, STRUCTURE_SETS):
                connection.execute(delete(table))
        return self

    def search(self, pairs, page_size=500, after=None, kind="ImagingSelection"):
        context = replace(CONTEXT, resource_type=kind)
        search = parse_search([*pairs, ("_count", str(page_size))], context)
        query = replace(search.query, after=after)
        page = self.selections.search(query)
        assert page == self.crowded.search(query)
        assert len(page.matches) <= page_size
        return page

    def ids(self, pairs, page_size=500, kind="ImagingSelection"):
        """The ids of all matches, page by page."""
        found, after = [], None
        while True:
            page = self.search(pairs, page_size, after, kind)
            found += [each.id for each in page.matches]
            after = page.next_after
            if after is None:
                return found

    def count(self, pairs, kind="ImagingSelection"):
        context = replace(CONTEXT, resource_type=kind)
        return self.selections.count(parse_search(pairs, context).query)


CONTEXT = Context(base_url=BASE, now=datetime.fromisoformat(NOW))


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)],
    scope="session",
)
def new_archive(request, tmp_path_factory):
    """Makes empty archives."""
    made = []

    def make():
        if request.param == "sqlite":
            folder = tmp_path_factory.mktemp("store")
            url = f"sqlite:///{folder}/store.db"
        else:
            postgres = request.getfixturevalue("postgres")
            name = f"search{len(made)}"
            postgres.create(name)
            url = postgres.url(name)
        made.append(Archive(url))
        return made[-1]

    yield make
    for archive in made:
        archive.database.close()
