"""The small pages that the API writes itself: sign-in and the description of errors."""

from html import escape

_FRAME = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · geo_service</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.65 system-ui, "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", sans-serif;
  max-width: 42rem; margin: 3rem auto; padding: 0 1.25rem; }}
h1 {{ font-size: 1.5rem; line-height: 1.3; }}
code {{ font-size: .95em; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #8884; }}
input {{ font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin: .25rem 0 1rem; }}
button {{ font: inherit; padding: .5rem 1.25rem; }}
.bad {{ color: #c0392b; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
<p><a href="/">首页 Home</a> · <a href="/docs">API</a></p>
</body>
</html>
"""


def page(title: str, body: str) -> str:
    """Return a whole page; ``title`` is escaped here, ``body`` is markup and was escaped by its writer."""
    return _FRAME.format(title=escape(title), body=body)
