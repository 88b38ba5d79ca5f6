/* A list of repos as its address asks for it, and what it may be narrowed to. */
import { SORTS, type Query, type Sort } from "./hub_api";

/** What an address asks for; the other half of `queryAddress`. */
export function readQuery(search: string): Query {
  const given = new URLSearchParams(search);
  const sort = given.get("sort") ?? "";
  return {
    search: given.get("search") ?? "",
    sort: Object.hasOwn(SORTS, sort) ? (sort as Sort) : "trendingScore",
    filters: given.getAll("filter"),
  };
}

export function queryAddress({ search, sort, filters }: Query): string {
  const query = new URLSearchParams();
  if (search !== "") query.set("search", search);
  if (sort !== "trendingScore") query.set("sort", sort);
  for (const filter of filters) query.append("filter", filter);
  const words = query.toString();
  return location.pathname + (words && `?${words}`);
}

const TAGS_SHOWN = 8;

/** The tags that most of the repos have, most of them first. */
export function popular(tags: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts]
    .filter(([tag]) => tag.length <= 30 && !tag.includes(":"))
    .sort(([a, n], [b, m]) => m - n || a.localeCompare(b))
    .slice(0, TAGS_SHOWN)
    .map(([tag]) => tag);
}
