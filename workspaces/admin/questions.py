"""What anybody may type into the address or the form of a page: read, or refused, but never an error of ours."""

# mypy: disable-error-code="type-arg"
# Django's admin and form classes take no type arguments when the program runs.

from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, FieldDoesNotExist, ValidationError
from django.db import DataError
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse

#: Letters of a search, and values of one filter: SQLite nests its expressions only so deep.
LONGEST_SEARCH = 200
MOST_VALUES = 100
#: Endings of query strings that Django's filters beside the list write themselves. A pattern for `regex`, say, could
#: keep the database busy for ever.
LOOKUPS = frozenset({"", "exact", "isnull", "gte", "lt"})
#: And its links above the list, with `date_hierarchy`.
LOOKUPS_OF_DATES = frozenset({"year", "month", "day"})


class Questions(admin.ModelAdmin):
    """Of all pages: odd filters lead back to the whole list, as Django has it for those that it recognizes."""

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        if any(len(values) > MOST_VALUES for _name, values in request.GET.lists()):
            raise IncorrectLookupParameters
        try:
            return super().get_changelist_instance(request)
        except (ValueError, OverflowError, DataError) as error:  # a year 9999 has no next one
            raise IncorrectLookupParameters from error

    def lookups_of(self, name: str) -> frozenset[str]:
        """How query strings may compare a field that a filter offers."""
        return LOOKUPS | LOOKUPS_OF_DATES if name == self.date_hierarchy else LOOKUPS

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return super().get_search_results(request, queryset, search_term[:LONGEST_SEARCH])

    def response_action(  # type: ignore[override]  # the stubs are of a later Django
        self, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        try:
            for selected in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.clean(selected, None)
        except ValidationError as error:
            raise BadRequest("No such row can be selected.") from error
        return super().response_action(request, queryset)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Of what the address proposes for a new row, what its columns take: widgets look it up unread."""
        proposed = super().get_changeform_initial_data(request)
        taken: dict[str, Any] = {}
        for name, value in proposed.items():
            try:
                field = self.opts.get_field(name)
                taken[name] = field.clean(value, None) if isinstance(field, Field) else value
            except FieldDoesNotExist:
                taken[name] = value
            except ValidationError:
                continue
        return taken
