"""Names: fictional places, streets and people, as data."""

import numpy as np

COUNTY_NAME = "云澜县"
SUBDISTRICTS = ("澜城街道", "望江街道", "南湾街道")
MARKET_TOWNS = (
    "柳埠镇", "石梁镇", "岩前镇", "清湖镇", "大桥头镇",
    "双溪口镇", "白塔镇", "长台镇", "枫林镇",
)  # fmt: skip
RURAL_TOWNSHIPS = ("塘源乡", "碧坞乡", "芳田乡", "云顶乡", "金竹乡", "横山乡", "龙潭乡")
NEIGHBOURHOODS = (
    "朝阳", "江滨", "文昌", "鹿鸣", "桂花", "学前", "北门",
    "南门", "东岳", "西街", "新桥", "府前", "城隍", "钟楼",
    "水亭", "县学", "天宁", "上营", "下营", "讲舍", "仁德",
    "崇文", "衣锦", "百岁", "斗潭", "荷花", "双港", "兴隆",
    "花园", "紫薇", "望江", "新湖", "礼贤", "太平",
)  # fmt: skip
STREAM_FIRST = "芳桐碧金石白龙青枫梅杉松竹兰桃梨茶荷樟栗"
STREAM_LAST = "溪源坑"
VILLAGE_FIRST = (
    "上", "下", "大", "小", "前", "后", "外", "里", "东", "西",
    "南", "北", "新", "老", "高", "长", "石", "白", "青", "双",
    "金", "古", "清", "横", "岩", "溪", "塘", "桥", "柳", "梅",
    "枫", "杨", "樟", "竹", "松", "茶", "桃", "荷", "龙", "凤",
)  # fmt: skip
VILLAGE_LAST = (
    "坞", "源", "塘", "畈", "垄", "坂", "岗", "湾", "口",
    "坑", "岭", "洋", "渡", "埠", "田", "家坞", "山头", "桥头",
    "溪边", "家塘", "家源", "门前", "坪", "底",
    "山底", "村坞", "溪口", "家垄", "树下", "社屋",
)  # fmt: skip
STREET_ALONG = (
    "滨江路", "府前街", "县西街", "文昌街", "鹿鸣街",
    "学院街", "环城路", "振兴街", "站前街", "新安街", "荷花街",
    "永宁街", "江滨路", "南湖街", "丰乐街",
    "通和街", "礼贤街", "花园街", "崇文街", "双港街",
)  # fmt: skip
STREET_ACROSS = (
    "上街", "中街", "下街", "新桥街", "天宁巷", "钟楼路",
    "水亭路", "讲舍街", "仁德路", "衣锦路", "百岁坊", "斗潭路",
    "紫薇路", "桂花路", "樟树巷", "塔山路", "迎宾路",
    "凯旋路", "信安路", "柯山路", "石梁路", "芳桂路", "建业路",
    "育才路", "健康路", "兴工路", "民生路", "劳动路",
    "解放路", "和平路", "青年路", "白云路", "九华路", "三衢路",
    "航埠路", "盈川路", "浮石路", "亭川路",
    "巨化路", "东港路", "锦桥路", "霞飞路",
)  # fmt: skip
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧"
    "田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆汪范金石廖贾夏韦傅方"
)
GIVEN = (
    "伟芳娜敏静丽强磊洋艳勇军杰娟涛明超霞平刚桂英华玉兰红建"
    "国文志海云春梅建华晓燕斌鹏辉亮俊峰宁瑞琳嘉欣怡晨浩宇轩"
)


def ordinal_name(number: int) -> str:
    """Return the name of a valley road by its number."""
    return f"{stream_name(number)[:-1]}线"


def stream_name(number: int) -> str:
    """Return the name of a stream by its number."""
    n = len(STREAM_FIRST)
    first, second = STREAM_FIRST[number % n], STREAM_FIRST[(number // n * 7 + number * 3 + 5) % n]
    last = STREAM_LAST[(number // 2) % 3] if number > 1 else "溪"
    return f"{first}{second if second != first else '里'}{last}"


def village_names(rng: np.random.Generator, n: int) -> list[str]:
    """Draw ``n`` different village names."""
    pool = [a + b for a in VILLAGE_FIRST for b in VILLAGE_LAST if a[0] not in b]
    return [pool[i] for i in rng.permutation(len(pool))[:n]]


def person_names(rng: np.random.Generator, n: int) -> list[str]:
    """Draw ``n`` fictional personal names (they may repeat, as names do)."""
    surname = rng.integers(0, len(SURNAMES), n)
    first = rng.integers(0, len(GIVEN), n)
    second = rng.integers(-len(GIVEN) // 3, len(GIVEN), n)
    return [
        SURNAMES[a] + GIVEN[b] + (GIVEN[c] if c >= 0 else "")
        for a, b, c in zip(surname.tolist(), first.tolist(), second.tolist(), strict=True)
    ]
