/** `trace`: shows the events of one business transaction as a tree: which event or command caused which. */
import type { RecordedEvent } from '@eventsourced/core'
import { Command } from 'commander'
import type { CommandContext, Runner } from '../context.ts'
import { CommandFailure } from '../failure.ts'
import { printable } from '../output/printer.ts'
import { moment } from '../values.ts'

interface TracedEvent extends RecordedEvent {
  /** How many causes of the same transaction are above it. */
  readonly depth: number
}

export function traceCommand(runner: Runner): Command {
  return new Command('trace')
    .description('Show all events of a correlation id as a tree of causes. Reads the log.')
    .argument('<correlation>', 'the correlation id, or the id of the event or command that began it')
    .option('--since <time>', 'read the log only from this time on', moment)
    .action((correlation: string, { since }: { since?: Date }, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const found = await correlated(context, correlation, since)
        if (found.length === 0) throw new CommandFailure(`No event has the correlation id '${correlation}'`)
        for (const event of asTree(found)) await context.printer.print(event, lineOf(event))
      }),
    )
}

async function correlated({ store, signal }: CommandContext, correlation: string, since: Date | undefined) {
  const found: RecordedEvent[] = []
  for await (const event of store.raw.readAll({ signal })) {
    if (since !== undefined && event.recordedAt < since) continue
    if (event.metadata.correlationId === correlation || event.id === correlation) found.push(event)
  }
  return found
}

/** Returns the events with each one after its cause. Events whose cause is not among them are roots. */
function asTree(events: readonly RecordedEvent[]): TracedEvent[] {
  const ids = new Set(events.map(({ id }) => id))
  const causedBy = new Map<unknown, RecordedEvent[]>()
  for (const event of events) {
    const { causationId } = event.metadata
    // A command's events name the command as their cause, and it is no event.
    const cause = causationId !== event.id && ids.has(String(causationId)) ? causationId : undefined
    causedBy.set(cause, [...(causedBy.get(cause) ?? []), event])
  }
  const tree: TracedEvent[] = []
  const left = [...(causedBy.get(undefined) ?? [])].map((event) => ({ ...event, depth: 0 })).reverse()
  for (let event = left.pop(); event !== undefined; event = left.pop()) {
    tree.push(event)
    const { id, depth } = event
    left.push(...(causedBy.get(id) ?? []).map((caused) => ({ ...caused, depth: depth + 1 })).reverse())
  }
  return tree
}

function lineOf({ depth, recordedAt, position, type, streamId, version }: TracedEvent): string {
  const indent = depth === 0 ? '' : `${'   '.repeat(depth - 1)}└─ `
  return `${recordedAt.toISOString()}  ${String(position).padStart(8)}  ${indent}${printable(type)}  ${printable(streamId)} v${version}`
}
