"""`{"code", "message", "data"}` around every answer, and what becomes of errors.

Pilot's native code logs out of the cloud on HTTP 401 and shows a toast on every other error status, so 401 is for token
trouble only and everything else is HTTP 200 with a code that is not 0.
"""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from rest_framework import exceptions, status
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict

log = logging.getLogger(__name__)

FAILED = -1
INVALID_PARAMETER = 210002
NOT_OFFERED = 210003
TOO_MANY = 429


class BusinessError(Exception):
    """An answer with HTTP 200, a code that is not 0, and a sentence for people."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class EnvelopeRenderer(JSONRenderer):
    """Wraps the data of a view; fields that are None are left out, never sent as null."""

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> Any:
        if not isinstance(data, _Error):
            data = {"code": 0, "message": "success", "data": "" if data is None else without_nulls(data)}
        return super().render(dict(data), accepted_media_type, renderer_context)


class _Error(dict[str, Any]):
    pass


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(inner) for inner in value]
    return value


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Every error that a view raises, in the envelope."""
    if isinstance(error, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        return Response(_Error(code=401, message=str(error.detail)), status=status.HTTP_401_UNAUTHORIZED)
    code, message = _say(error)
    if code == FAILED and message == "":
        log.exception("%s failed", context["request"].path, exc_info=error)
        message = "Internal error."
    return Response(_Error(code=code, message=message), status=status.HTTP_200_OK)


def _say(error: Exception) -> tuple[int, str]:
    if isinstance(error, BusinessError):
        return error.code, str(error)
    if isinstance(error, exceptions.ValidationError):
        return INVALID_PARAMETER, _first_problem(error.detail)
    if isinstance(error, exceptions.Throttled):
        return TOO_MANY, str(error.detail)
    if isinstance(error, exceptions.APIException):
        return (INVALID_PARAMETER if error.status_code == 400 else error.status_code), str(error.detail)
    if isinstance(error, Http404):
        return 404, "Not found."
    if isinstance(error, PermissionDenied):
        return 403, "Your role does not allow this."
    return FAILED, ""


def _first_problem(detail: Any) -> str:
    """One readable sentence out of DRF's nested errors."""
    if isinstance(detail, ReturnDict | dict):
        field, inner = next(iter(detail.items()))
        return f"{field}: {_first_problem(inner)}"
    if isinstance(detail, list):
        return _first_problem(detail[0]) if detail else "invalid"
    return str(detail)


def answer_error(code: int, message: str) -> JsonResponse:
    """An error in the envelope from outside of a view."""
    return JsonResponse({"code": code, "message": message})
