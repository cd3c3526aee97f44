/**
 * The history of a campaign as Elle reads it (`list-append`), to have it checked by somebody else's program: each stream is a
 * list, an append adds its events to it, and a read gives all of them. What a decision was made on is a read of the same
 * transaction. An operation has a process of its own, as nobody waits for one that is lost.
 */
import type { Evidence } from './check/evidence.ts'
import { outcomesOf } from './check/outcomes.ts'
import { eventName, type Seen } from './operation.ts'

/** Lines of EDN, in order of time. */
export function elleHistory({ operations, streams }: Pick<Evidence, 'operations' | 'streams'>): string[] {
  const names = new Map([...streams].map(([stream, events]) => [stream, events.map(({ name }) => name)]))
  const lines: { readonly at: number; readonly text: string }[] = []
  const known = [...outcomesOf(operations).values()]
  for (const [process, { invocation, begin, end, state, seen }] of known.entries()) {
    const { op, parts } = invocation
    let nth = 0
    const appends = parts.flatMap(({ stream, count }) =>
      Array.from({ length: count }, () => `[:append ${quoted(stream)} ${quoted(eventName(op, nth++))}]`),
    )
    const line = (type: string, at: number, reads: readonly string[]) => {
      const value = `[${[...reads, ...appends].join(' ')}]`
      lines.push({
        at,
        text: `:type :${type}, :f :txn, :process ${process}, :time ${at * 1000}, :value ${value}`,
      })
    }
    const stream = parts[0]?.stream ?? ''
    const asked = invocation.kind === 'read' ? [`[:r ${quoted(stream)} nil]`] : []
    line('invoke', begin, asked)
    if (state === 'ok') {
      const saw = seen ?? invocation.seen
      line('ok', end, saw === undefined ? [] : [readOf(stream, names.get(stream) ?? [], saw)])
    } else line(state === 'failed' ? 'fail' : 'info', begin, asked)
  }
  lines.sort((one, other) => one.at - other.at)
  return lines.map(({ text }, index) => `{:index ${index}, ${text}}`)
}

function readOf(stream: string, names: readonly string[], [version]: Seen): string {
  return `[:r ${quoted(stream)} [${names.slice(0, version).map(quoted).join(' ')}]]`
}

const quoted = (text: string) => JSON.stringify(text)
