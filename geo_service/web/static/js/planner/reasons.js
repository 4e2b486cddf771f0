/* Why the server refuses an edit, in Chinese. It says so in English; what is not known here stays as it is. */

import { lang } from "./i18n.js";

const REASONS = [
  [/^a cell cannot give land to itself$/, "不能把土地划给自己"],
  [/^a cell would be turned inside out$/, "网格的边界会翻转"],
  [/^a cell would fall apart into separate pieces$/, "网格会分成互不相连的几块"],
  [/^a corner is there already$/, "这里已有一个界点"],
  [/^another corner is there already$/, "这里已有另一个界点"],
  [/^a corner would lie on another border.*/, "界点会落在另一条边界上：请放到那条边界的界点上，或离开它"],
  [/^a line needs two different places$/, "线至少要有两个不同的点"],
  [/^borders would cross$/, "边界会相互交叉"],
  [/^two borders would fall together$/, "两条边界会重叠"],
  [/^the cell would have only two corners left$/, "网格只剩两个界点"],
  [/^the line comes too close to the border here$/, "线在这里离边界太近"],
  [/^the line crosses itself$/, "线与自身相交"],
  [/^the line does not part the cell.*/, "线没有把网格分开：请从边界画到边界"],
  [/^the line parts no cell.*/, "线没有分开任何网格：请从边界外画到边界外"],
  [/^the line does not part (\S+) (\S+): its two sides.*/, "线没有把 $2 分开：两侧仍然相连"],
  [/^the place is not on the globe$/, "位置超出范围"],
  [/^there is no border between these two corners$/, "这两个界点之间没有边界"],
  [/^there is no corner here.*/, "这里没有界点：请拖动边界上的界点，或先增加一个"],
  [/^there is no gap here.*/, "这里没有空白地带：空白地带须被网格围住"],
  [/^this cell holds no land.*/, "这个网格已没有土地"],
  [/^the cell holds no land.*/, "这个网格没有土地"],
  [/^no piece touches the cell that should get it$/, "切下的部分与接收的网格不相邻"],
  [/^name at least one other cell$/, "请再选一个网格"],
  [/^nothing of the kind runs within (\S+) m of the line$/, "线的 $1 米范围内没有所选的街道、水系或铁路"],
  [/^only cells of one level can be merged.*/, "只能合并同一层级的网格"],
  [/^there is a (\S+) (\S+) already$/, "编码 $2 已被使用"],
  [/^there is no level below.*/, "这一层没有下级"],
  [/^(\S+) has children, (\S+) has none.*/, "$1 有下级而 $2 没有：请先合并下级"],
  [/^(\S+) has children, and the land of (\S+) must go to a leaf$/, "$1 有下级，$2 的土地须归入最小的网格"],
  [/^(\S+) (\S+) holds no land of its own.*/, "$2 自己没有土地，土地在它的下级"],
  [/^(\d+) borders meet here.*/, "这里有 $1 条边界相交：请移动界点，或合并网格"],
  [/^the cell still holds land.*/, "网格还有土地：请先合并、划转或划出"],
  [/^the plan has no (\S+) (\S+); .*/, "方案中已没有 $2，可能已被合并或撤销"],
  [/^a (\S+) belongs to a (\S+), not to a (\S+)$/, "上级的层级不对"],
  [/^(\S+) (\S+) was changed meanwhile$/, "$2 在此期间已被修改"],
  [/^it is so already$/, "没有变化"],
  [/^there is nothing to undo$/, "没有可以撤销的修改"],
  [/^there is nothing to redo$/, "没有可以重做的修改"],
  [/^land of (\d+) pieces that a barrier cuts off holds (\S+), fewer than (\S+):.*/, "被屏障隔开的一块土地只有 $2 户，少于 $3 户：需有通道，或放宽户数区间"],
  [/^Groups of (\S+) to (\S+) are not possible\.$/, "分不出每个 $1 到 $2 户的网格。"],
  [/^(\d+) groups of (\S+) to (\S+) are not possible; possible: none\.$/, "分不成 $1 个每个 $2 到 $3 户的网格。"],
  [/^(\d+) groups of (\S+) to (\S+) are not possible; possible: (.*)\.$/, "分不成 $1 个每个 $2 到 $3 户的网格；可以分成 $4 个。"],
  [/^(\S+) has no cells below its \S+ to divide by; divide it by building$/, "$1 的下级之下没有微网格：请改为按楼栋划分"],
  [/^(\S+) holds no land that could be divided into.*/, "$1 没有可以划分的土地"],
  [/^offline$/, "服务器没有应答"],
];

/** The reason in the language that is read. */
export function reasonOf(text) {
  if (lang() === "en") return text;
  for (const [pattern, words] of REASONS) if (pattern.test(text)) return text.replace(pattern, words);
  return text;
}
