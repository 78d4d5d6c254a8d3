"""The OpenAPI schema of the DJI-compatible paths: every answer in its envelope, one token header, short names."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

_ENVELOPE = {
    "code": {"type": "integer", "description": "0, or why it failed."},
    "message": {"type": "string", "description": '"success", or a sentence about the failure.'},
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "workspaces.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": "x-auth-token", "description": "What `login` answers with."}


class EnvelopeSchema(AutoSchema):
    def map_parsers(self) -> list[Any]:
        return ["application/json"]

    def get_operation_id(self) -> str:
        return f"{type(self.view).__name__}_{self.method.lower()}"

    def get_tags(self) -> list[str]:
        return [str(self.path).split("/")[1]]

    def _get_response_for_code(self, serializer: Any, status_code: str, *args: Any, **kwargs: Any) -> Any:
        answer = super()._get_response_for_code(serializer, status_code, *args, **kwargs)  # type: ignore[no-untyped-call]
        for content in answer.get("content", {}).values():
            content["schema"] = {
                "type": "object",
                "properties": {**_ENVELOPE, "data": content["schema"]},
                "required": ["code", "message"],
            }
        answer["description"] = "Done with code 0; else why not, and no data."
        return answer

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        answers = super()._get_response_bodies(direction)
        if self.get_auth():
            content = {"application/json": {"schema": {"type": "object", "properties": _ENVELOPE}}}
            answers["401"] = {"description": "The token is missing, invalid or expired.", "content": content}
        return answers


def without_trailing_slash(endpoints: list[Any], **_options: Any) -> list[Any]:
    """Paths as clients write them; our patterns take both."""
    return [(path.rstrip("/"), *rest) for path, *rest in endpoints]
