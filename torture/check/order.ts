/**
 * Checks strict serializability: one order of all operations must explain the writes of each stream, the state that each
 * read saw, and real time (an operation that ended before another one began comes first). Such an order exists if the
 * graph of all "comes before" edges has no cycle. This is the method of Elle (Kingsbury and Alvaro, VLDB 2020). It is
 * simple here, because versions say which operation wrote after which. Real time needs only two edges for each operation:
 * one to a chain of moments, and one from it.
 *
 *     a ended ──► moment 1 ──► moment 2 ──► c began
 *                                ▲
 *     b ended ───────────────────┘
 */
import { operationOf } from '../operation.ts'
import type { LoggedEvent } from './evidence.ts'
import type { Findings } from './findings.ts'
import type { Outcome } from './outcomes.ts'

export function checkOrder(
  outcomes: ReadonlyMap<string, Outcome>,
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
  findings: Findings,
): void {
  const graph = new Graph()
  const nodes = new Map<string, number>()
  for (const op of outcomes.keys()) nodes.set(op, graph.node())
  const node = (op: string | undefined) => (op === undefined ? undefined : nodes.get(op))
  const happened = new Set<string>()

  // The operations that wrote the versions of each stream.
  const writers = new Map<string, (number | undefined)[]>()
  for (const [stream, events] of streams) {
    const own = events.map(({ name }) => operationOf(name))
    for (const op of own) happened.add(op)
    writers.set(stream, own.map(node))
    for (let at = 1; at < own.length; at++) graph.edge(node(own[at - 1]), node(own[at]))
  }
  for (const [op, { invocation, seen }] of outcomes) {
    if (invocation.kind !== 'read' || seen === undefined) continue
    happened.add(op)
    const ofStream = writers.get(invocation.parts[0]?.stream ?? '') ?? []
    graph.edge(ofStream[seen[0] - 1], node(op))
    graph.edge(node(op), ofStream[seen[0]])
  }

  const moments: { readonly at: number; readonly isEnd: boolean; readonly op: number }[] = []
  for (const [op, { begin, end }] of outcomes) {
    if (!happened.has(op)) continue
    moments.push({ at: begin, isEnd: false, op: nodes.get(op) as number })
    if (Number.isFinite(end)) moments.push({ at: end, isEnd: true, op: nodes.get(op) as number })
  }
  // An operation that begins at the moment at which another one ends may have come first.
  moments.sort((one, other) => one.at - other.at || Number(one.isEnd) - Number(other.isEnd))
  let moment: number | undefined
  for (const { isEnd, op } of moments) {
    if (isEnd) {
      const next = graph.node()
      graph.edge(moment, next)
      graph.edge(op, next)
      moment = next
    } else graph.edge(moment, op)
  }

  const names = [...nodes.keys()]
  const inCycles = graph.inCycles().flatMap((one) => names[one] ?? [])
  findings.note('stale', `no order explains ${inCycles.slice(0, 8).join(', ')}`, inCycles.length)
}

class Graph {
  readonly #after: number[][] = []

  node(): number {
    return this.#after.push([]) - 1
  }

  edge(from: number | undefined, to: number | undefined): void {
    if (from !== undefined && to !== undefined && from !== to) this.#after[from]?.push(to)
  }

  /** Returns the nodes that are on a cycle, or on a path between two cycles. */
  inCycles(): number[] {
    const forward = this.#leftOver(this.#after)
    const before: number[][] = this.#after.map(() => [])
    for (const [from, all] of this.#after.entries()) for (const to of all) before[to]?.push(from)
    const backward = this.#leftOver(before)
    return this.#after.flatMap((_, node) => (forward[node] && backward[node] ? [node] : []))
  }

  /** Repeatedly removes nodes without incoming edges (Kahn's algorithm). Returns for each node whether it is left over. */
  #leftOver(after: readonly (readonly number[])[]): boolean[] {
    const waiting = new Int32Array(after.length)
    for (const all of after) for (const to of all) waiting[to] = (waiting[to] as number) + 1
    const free: number[] = []
    for (let node = 0; node < after.length; node++) if (waiting[node] === 0) free.push(node)
    const left = after.map(() => true)
    for (let node = free.pop(); node !== undefined; node = free.pop()) {
      left[node] = false
      for (const to of after[node] ?? []) {
        waiting[to] = (waiting[to] as number) - 1
        if (waiting[to] === 0) free.push(to)
      }
    }
    return left
  }
}
