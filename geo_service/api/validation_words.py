"""What the validator found wrong, in Chinese: its own words are English only."""

from collections.abc import Mapping
from typing import Any

from geo_service.errors import Words

#: By the validator's kinds of fault; what stands in braces comes from its context.
_ZH = {
    "missing": "缺少此项",
    "extra_forbidden": "没有此项，请核对名称",
    "bool_parsing": "须为 true 或 false",
    "bool_type": "须为 true 或 false",
    "bytes_too_long": "最多 {max_length} 字节",
    "cell_key": "请写成文字 层级:编码，如 community:339801001001",
    "moment_text": "时刻请写成带时差的文字，如 2026-11-22T02:00+08:00",
    "moment_plus": "地址中的 + 表示空格：时差的加号请写成 %2B，如 02:00%2B08:00",
    "moment_offset": "时刻须带时差，如 2026-11-22T02:00+08:00",
    "moment_year": "年份须在 {first} 至 {last} 之间",
    "day_year": "年份须在 {first} 至 {last} 之间",
    "who_one_of": "请给出以下之一：经纬度（lon 和 lat）、地址或名称（text）、网格编码（cell）",
    "date_from_datetime_parsing": "须为日期，如 2026-11-22",
    "datetime_from_date_parsing": "须为时刻，如 2026-11-22T08:30+08:00",
    "datetime_parsing": "须为时刻，如 2026-11-22T08:30+08:00",
    "datetime_type": "须为时刻，如 2026-11-22T08:30+08:00",
    "dict_type": "须为 JSON 对象",
    "enum": "须为下列之一：{expected}",
    "finite_number": "须为有限的数",
    "float_parsing": "须为数",
    "float_type": "须为数",
    "greater_than": "须大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "int_from_float": "须为整数",
    "int_parsing": "须为整数",
    "int_parsing_size": "整数过大",
    "int_type": "须为整数",
    "json_invalid": "不是 JSON",
    "less_than": "须小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "list_type": "须为数组",
    "literal_error": "须为下列之一：{expected}",
    "model_attributes_type": "须为 JSON 对象",
    "model_type": "须为 JSON 对象",
    "string_pattern_mismatch": "格式不符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_too_short": "至少 {min_length} 个字符",
    "string_type": "须为文字",
    "timezone_aware": "时刻须带时差，如 2026-11-22T08:30+08:00",
    "too_long": "最多 {max_length} 项",
    "too_short": "至少 {min_length} 项",
    "uuid_parsing": "须为 UUID",
}


def in_both(kind: str, message: str, context: Mapping[str, Any] | None = None) -> str:
    """Return a message of the validator with its Chinese form; as it is where the kind has none."""
    pattern = _ZH.get(kind)
    if pattern is None:
        return message
    try:
        said = pattern.format_map(dict(context or {}))
    except KeyError:
        return message
    return Words(message, said.replace("' or '", "'、'").replace("', '", "'、'").replace("'", ""))
