"""Our router: every route says who may call, unknown parameters are refused, JSON is read strictly.

The order of the day for a request: who is it and may he (401, 403), are all query parameters known (400) and
given once (422), then only is the body read (413, 400, 422), then the validation (400, 422), then the
handler.
"""

from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from json import JSONDecodeError
from typing import Any, get_args, get_origin

import orjson
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from starlette.datastructures import FormData, QueryParams, UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount

from geo_service.api.access import Access
from geo_service.api.problems import RefusalError
from geo_service.errors import BadRequestError, Fault, InvalidInputError, Words

MAX_DEPTH = 32


class StrictRequest(Request):
    """A request whose JSON and forms hold only what a database and another program can hold too."""

    async def json(self) -> Any:
        """Read the body as RFC 8259 JSON: no NaN, no infinity, no lone surrogate, no NUL, no abyss."""
        if not hasattr(self, "_json"):
            body = await self.body()
            try:
                self._json = orjson.loads(body)
            except JSONDecodeError as error:
                _explain(error)
                raise
            if b"\\u0000" in body:
                _refuse_nul(self._json, "")
            if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
                _refuse_depth(self._json)
        return self._json

    async def form(self, **limits: Any) -> FormData:  # type: ignore[override]  # it is only ever awaited
        """Read the body as a form; texts and file names without NUL, in an encoding that there is."""
        try:
            form = await super().form(**limits)
        except (UnicodeError, LookupError):
            message = "the body is not text in the encoding that it names: send UTF-8"
            raise RefusalError(BadRequestError(message, [Fault("", message)])) from None
        for name, value in form.multi_items():
            text = value.filename or "" if isinstance(value, UploadFile) else value
            if "\0" in name or "\0" in text:
                raise RefusalError(_nul_error(name.replace("\0", "")))
        return form


def _explain(error: JSONDecodeError) -> None:
    """Raise a better word for what JSON cannot hold; return when the text is simply broken."""
    rest = error.doc[error.pos :].lstrip("-")
    if rest.startswith(("NaN", "Infinity")) or "infinity" in error.msg:
        fault = Fault(
            "",
            Words(
                f"at character {error.pos}: NaN and infinity are no JSON numbers; leave the value out",
                f"第 {error.pos} 个字符处：NaN 与无穷大不是 JSON 数值，请省略该值",
            ),
        )
    elif "surrogate" in error.msg:
        fault = Fault(
            "",
            Words(
                f"at character {error.pos}: half a surrogate pair, or bytes that are not UTF-8",
                f"第 {error.pos} 个字符处：残缺的代理对，或不是 UTF-8 的字节",
            ),
        )
    else:
        return
    raise RefusalError(
        InvalidInputError(
            Words("the body holds what JSON cannot hold", "正文含有 JSON 不允许的内容"), [fault]
        )
    ) from error


def _refuse_nul(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise RefusalError(_nul_error(path))
    elif isinstance(value, dict):
        for key, inner in value.items():
            _refuse_nul(key, path)
            _refuse_nul(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _refuse_nul(inner, f"{path}[{number}]")


def _refuse_depth(value: Any) -> None:
    """Raise when arrays and objects stand too deep in one another, going down level by level."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return
    fault = Fault(
        "",
        Words(
            f"arrays and objects may stand in one another {MAX_DEPTH} deep",
            f"数组与对象最多嵌套 {MAX_DEPTH} 层",
        ),
    )
    raise RefusalError(InvalidInputError(Words("the body is nested too deep", "正文嵌套过深"), [fault]))


def _nul_error(field: str) -> InvalidInputError:
    return InvalidInputError(
        Words("the body holds a NUL character", "正文中含有 NUL 字符"),
        [Fault(field, Words("take \\u0000 out of the text", "请去掉文本中的 \\u0000"))],
    )


class GuardedRoute(APIRoute):
    """A route that knows who may call it and which query parameters it takes."""

    @cached_property
    def access(self) -> Access:
        """Who may call, found among the dependencies of the route and its router."""
        access = _access_in(self.dependant)
        if access is None:
            raise TypeError(f"{self.path} does not say who may call it: add roles(...), READERS or PUBLIC")
        return access

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the checks that need no body before the handler."""
        inner = super().get_route_handler()
        access = self.access
        takes_many = dict(_query_names(self.dependant))

        async def guarded(request: Request) -> Response:
            await access.check(request)
            refuse_unknown(request.query_params, takes_many)
            return await inner(StrictRequest(request.scope, request.receive))

        return guarded


class Router(APIRouter):
    """An ``APIRouter`` of guarded routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=GuardedRoute, redirect_slashes=False, **options)


def refuse_unknown(given: QueryParams, takes_many: Mapping[str, bool]) -> None:
    """Raise when a query parameter is not known, naming the nearest, or is given twice and may not be.

    ``takes_many`` says of each known name whether it may be given several times.
    """
    unknown = [name for name in given if name not in takes_many]
    if unknown:
        faults = []
        for name in unknown:
            near = get_close_matches(name, takes_many, n=1)
            known = ", ".join(sorted(takes_many)) or "none"
            hint = f"did you mean {near[0]}?" if near else f"known here: {known}"
            hint_zh = f"是否应为 {near[0]}？" if near else f"此处可用：{known}"
            faults.append(Fault(name[:80], Words(f"unknown parameter; {hint}", f"未知参数；{hint_zh}")))
        raise BadRequestError(Words("unknown query parameter", "未知的查询参数"), faults)
    pairs = given.multi_items()
    if len(pairs) > len(given):
        counts = Counter(name for name, _ in pairs)
        twice = [name for name, count in counts.items() if count > 1 and not takes_many[name]]
        if twice:
            raise InvalidInputError(
                Words("a query parameter is given several times", "查询参数重复给出"),
                [
                    Fault(
                        name,
                        Words(
                            f"give it once; it is there {counts[name]} times",
                            f"只能给一次，现有 {counts[name]} 次",
                        ),
                    )
                    for name in twice
                ],
            )


def undeclared(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Name every route, mounted ones too, that does not say who may call it."""
    for context in iter_route_contexts(list(routes)):
        route = context.original_route
        if isinstance(route, GuardedRoute):
            continue
        target = getattr(route, "app", None) if isinstance(route, Mount) else getattr(route, "endpoint", None)
        if isinstance(getattr(target, "access", None), Access):
            continue
        if isinstance(route, Mount) and route.routes:
            yield from (f"{route.path}{inner}" for inner in undeclared(route.routes))
        else:
            yield str(context.path)


def _access_in(dependant: Dependant) -> Access | None:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Access):
            return inner.call
    return next(filter(None, map(_access_in, dependant.dependencies)), None)


def _query_names(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Give each query parameter's name, and whether it is a list."""
    for inner in dependant.dependencies:
        yield from _query_names(inner)
    for parameter in dependant.query_params:
        model = parameter.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for name, field in model.model_fields.items():
                yield field.alias or name, _is_list(field.annotation)
        else:
            yield parameter.alias, _is_list(model)


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    if origin in (list, tuple, set, frozenset):
        return True
    return any(map(_is_list, get_args(annotation)))
