"""The small pages that the API writes itself: what went wrong, and the description of errors."""

from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from geo_service.web.pages import Lang, page, words

FAULTS_SHOWN = 20

#: Chinese title of each type of problem, then what to do about it in Chinese and in English.
PROBLEM_WORDS = {
    "bad-request": (
        "请求有误",
        "请求本身有误：修正列出的参数。",
        "Correct the parameters listed.",
    ),
    "unauthenticated": (
        "需要登录",
        "请使用有效的密钥或重新登录。",
        "Send a key that is in force, or sign in again.",
    ),
    "forbidden": (
        "没有权限",
        "请使用具有所需角色的密钥登录。",
        "Sign in with a key of one of the roles named.",
    ),
    "not-found": ("没有找到", "检查地址、编号和日期。", "Check the address, the number and the date."),
    "conflict": ("状态冲突", "重新读取当前状态后再试。", "Read the present state, then try again."),
    "too-large": ("内容过大", "分批提交，或以文件上传。", "Send less at once, or upload it as a file."),
    "invalid-input": (
        "内容有误",
        "修正列出的每一处；什么都没有保存。",
        "Correct every place listed; nothing was kept.",
    ),
    "unavailable": ("暂时不可用", "稍后再试。", "Try again after the seconds in Retry-After."),
    "timed-out": ("超时", "缩小范围后再试。", "Ask for a smaller area or a shorter time."),
    "method-not-allowed": (
        "方法不允许",
        "使用 Allow 中列出的方法。",
        "Use a method that the header Allow names.",
    ),
    "headers-too-large": (
        "请求头过大",
        "减少请求头或清除 Cookie。",
        "Send fewer headers; clear this site's cookies.",
    ),
    "too-many-attempts": (
        "尝试过多",
        "等待后再试，并检查密钥。",
        "Wait as long as Retry-After says, and check the key.",
    ),
    "outside-address": ("页面引用外部地址", "请告知管理员。", "Tell the operator."),
    "internal": ("内部错误", "请把编号告知管理员。", "Tell the operator the reference below."),
}
_OTHERWISE = ("检查请求后再试。", "Check the request, then try again.")


def sheet(title: str, body: str, *, lang: Lang = "zh", wide: bool = False, heading: str = "") -> str:
    """Return a whole page with one sheet in its middle.

    ``title`` is escaped here; ``heading`` (in its place inside the page) and ``body`` are markup and were
    escaped by their writer.
    """
    kind = "narrow wide" if wide else "narrow"
    content = (
        f'<main class="{kind}"><section class="sheet">'
        f"<h1>{heading or escape(title)}</h1>\n{body}</section></main>"
    )
    return page(f"{title} · geo_service", content, lang=lang)


def problem_page(problem: Mapping[str, Any], address: str, lang: Lang = "zh") -> str:
    """Return a problem as a page for a person.

    Parameters
    ----------
    problem : mapping
        The problem details, as their JSON has them.
    address : str
        Path and query that were asked for, to come back to after signing in.
    lang : {"zh", "en"}
        Language at first.
    """
    code = str(problem["type"]).rpartition("/")[2]
    status = int(problem["status"])
    title = str(problem["title"])
    chinese, do_zh, do_en = PROBLEM_WORDS.get(code, (title, *_OTHERWISE))
    ways = '<a class="primary" href="/">' + words("回到首页", "Home") + "</a>"
    if status in {401, 403}:
        into = f'<a class="second" href="/sign-in?next={escape(quote(address))}">'
        ways += into + words("登录", "Sign in") + "</a>"
    body = (
        f'<p class="detail">{_said(problem, "detail")}</p>\n{_faults(problem)}'
        f'<p class="advice">{words(do_zh, do_en)}</p>\n<p>{ways}</p>\n'
        f'<dl class="hint"><dt>{words("类型", "Type")}</dt>'
        f'<dd><a href="{escape(str(problem["type"]))}">{escape(code)}</a></dd>'
        f"<dt>{words('编号', 'Reference')}</dt><dd>{escape(str(problem['instance']))}</dd></dl>\n"
    )
    heading = f'<span class="status">{status}</span><br>{words(chinese, title)}'
    return sheet(f"{status} {chinese} {title}", body, lang=lang, heading=heading)


def _faults(problem: Mapping[str, Any]) -> str:
    """List the first of the faults."""
    faults = problem.get("errors", [])
    if not faults:
        return ""
    rows = "".join(_fault(fault) for fault in faults[:FAULTS_SHOWN])
    more = len(faults) - FAULTS_SHOWN + int(problem.get("errors_left_out", 0))
    left = f"<li>{words(f'另有 {more} 处', f'and {more} more')}</li>" if more > 0 else ""
    return f'<ul class="faults">{rows}{left}</ul>\n'


def _fault(fault: Mapping[str, Any]) -> str:
    where = f"<code>{escape(str(fault['field']))}</code>: " if fault.get("field") else ""
    return f"<li>{where}{_said(fault, 'message')}</li>"


def _said(said: Mapping[str, Any], name: str) -> str:
    """Write a text in both languages where there are both, else in English."""
    english, chinese = str(said[name]), said.get(f"{name}_zh")
    return words(str(chinese), english) if chinese else f'<span lang="en">{escape(english)}</span>'
