/**
 * Writes the history of a campaign in the format of Elle (`list-append`), so that an independent program can check it.
 * Each stream is a list, an append adds its events to the list, and a read returns all of them. The state that a decision
 * was made on is a read in the same transaction. Each operation has its own process, because a lost one never ends.
 */
import type { Evidence } from './check/evidence.ts'
import { outcomesOf } from './check/outcomes.ts'
import { eventName, type Seen } from './operation.ts'

/** Returns lines of EDN, in order of time. */
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
