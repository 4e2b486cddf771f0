"""A page for each type of problem, so that the ``type`` of an error leads somewhere."""

import inspect
from html import escape

from fastapi.responses import HTMLResponse

from geo_service.api.access import PUBLIC
from geo_service.api.html import page
from geo_service.api.problems import problem_types
from geo_service.api.routing import Router
from geo_service.errors import NotFoundError

router = Router(prefix="/problems", tags=["service"], dependencies=[PUBLIC], include_in_schema=False)

_WHAT_TO_DO = {
    "bad-request": ("请求本身有误：修正列出的参数。", "Correct the parameters listed in errors."),
    "unauthenticated": ("请使用有效的密钥或重新登录。", "Send a key that is in force, or sign in again."),
    "forbidden": ("请使用具有所需角色的密钥。", "Use a key of one of the roles named in detail."),
    "not-found": ("检查地址、编号和日期。", "Check the address, the number and the date."),
    "conflict": ("重新读取当前状态后再试。", "Read the present state, then try again."),
    "too-large": ("分批提交，或以文件上传。", "Send less at once, or upload it as a file."),
    "invalid-input": (
        "修正 errors 中列出的每一处。",
        "Correct every place listed in errors; nothing was kept.",
    ),
    "unavailable": ("稍后再试。", "Try again after the seconds in Retry-After."),
    "timed-out": ("缩小范围后再试。", "Ask for a smaller area or a shorter time."),
    "method-not-allowed": ("使用 Allow 中列出的方法。", "Use a method that the header Allow names."),
    "headers-too-large": ("减少请求头或清除 Cookie。", "Send fewer headers; clear this site's cookies."),
    "too-many-attempts": ("等待后再试，并检查密钥。", "Wait as long as Retry-After says, and check the key."),
    "internal": ("请把编号告知管理员。", "Tell the operator the reference in instance."),
}


@router.get("", response_class=HTMLResponse)
async def index() -> str:
    """List the types."""
    rows = "".join(
        f'<tr><td>{kind.status}</td><td><a href="/problems/{code}"><code>{code}</code></a></td>'
        f"<td>{escape(kind.title)}</td></tr>"
        for code, kind in sorted(problem_types().items(), key=lambda item: (item[1].status, item[0]))
    )
    return page(
        "错误类型 Problem types", f"<table><tr><th>Status</th><th>Type</th><th></th></tr>{rows}</table>"
    )


@router.get("/{code}", response_class=HTMLResponse)
async def one(code: str) -> str:
    """Explain one type and what to do about it."""
    kind = problem_types().get(code)
    if kind is None:
        raise NotFoundError("there is no problem type of that name; /problems lists them")
    chinese, english = _WHAT_TO_DO.get(code, ("", ""))
    explained = escape(inspect.cleandoc(kind.__doc__ or ""))
    return page(
        f"{kind.status} {kind.title}",
        f"<p><code>/problems/{code}</code></p><p>{explained}</p><p>{chinese}</p><p>{english}</p>"
        '<p><a href="/problems">所有类型 All types</a></p>',
    )
