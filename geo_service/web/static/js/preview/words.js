/* Figures of the report: their words, and how each is written. */

import { number, percent } from "./dom.js";

const whole = (value) => number(value, 0);
const index = (value) => number(value, 2);

/** Of a whole side: name, words, how it is written, whether more is better (1), worse (-1) or neither (0). */
export const FIGURES = [
  ["cells", "网格数", "Cells", whole, 0],
  ["households", "户数", "Households", whole, 0],
  ["residents", "人口", "Residents", whole, 0],
  ["buildings", "楼栋", "Buildings", whole, 0],
  ["incidents_year", "一年事件", "Incidents a year", whole, 0],
  ["staff", "责任人数", "Staff", whole, 0],
  ["workload_gini", "工作量基尼系数", "Gini of the workload", (value) => number(value, 3), -1],
  ["workload_max", "最大工作量指数", "Largest workload", index, -1],
  ["coverage_share", "5 分钟到场覆盖率（户）", "Households reached in 5 min", percent, 1],
  ["attainment_share", "5 分钟到场达标率（事件）", "Incidents reached in 5 min", percent, 1],
  ["compactness_mean_changed", "有变化网格的平均紧凑度", "Mean compactness of changed cells", index, 1],
  ["rule_errors", "规则：错误", "Rules: errors", whole, -1],
  ["rule_warnings", "规则：警告", "Rules: warnings", whole, -1],
];

/** Of one cell. */
export const COLUMNS = [
  ["households", "户数", "Households", whole],
  ["residents", "人口", "Residents", whole],
  ["buildings", "楼栋", "Buildings", whole],
  ["incidents_year", "事件", "Incidents", whole],
  ["staff", "责任人", "Staff", whole],
  ["workload", "工作量", "Workload", index],
  ["coverage_share", "覆盖", "Covered", percent],
  ["attainment_share", "达标", "Attained", percent],
  ["compactness", "紧凑度", "Compactness", index],
];

/** What happens to a cell. */
export const STATUS = {
  new: ["新设", "new"],
  retired: ["撤销", "retired"],
  reshaped: ["改形", "reshaped"],
  reparented: ["改隶", "moved"],
  described: ["更名", "renamed"],
  same: ["不变", "same"],
};

/** Why a sign board is no longer true. */
export const BOARD = {
  retired: ["网格撤销", "the cell is no more"],
  outline: ["范围变化", "another outline"],
  name: ["更名", "another name"],
  place: ["牌位易手", "it stands in another cell"],
};

export const SEVERITY = { error: ["错误", "error"], warning: ["警告", "warning"], note: ["提示", "note"] };

/** Rules by name. */
export const RULES = {
  parent: ["上级归属", "Parent"],
  empty_cell: ["空网格", "Empty cell"],
  code: ["编码", "Code"],
  code_reused: ["编码重用", "Code used before"],
  contiguous: ["连片", "Contiguous"],
  building_cut: ["楼栋不分割", "Buildings whole"],
  barrier: ["不跨障碍", "Barrier"],
  households: ["户数规模", "Households in band"],
  area: ["面积", "Area"],
  compactness: ["紧凑度", "Compactness"],
  street_face: ["沿街单元", "Street face"],
  dedicated: ["专属网格", "Dedicated"],
  owner: ["有人负责", "Has an owner"],
};

/** Classes of the workload by upper bound, from little to much. */
export const CLASSES = [
  [0.5, "#5b93b8", "< 0.5"],
  [0.8, "#a9cbdd", "0.5–0.8"],
  [1.2, "#f1efe6", "0.8–1.2"],
  [1.6, "#f3bd84", "1.2–1.6"],
  [Infinity, "#d4702f", "≥ 1.6"],
];
