/** `copy`: copies all streams and events of a store into another one, and resumes an interrupted copy. */
import { hasCode } from '@eventsourced/core'
import { Command } from 'commander'
import { audited } from '../audited.ts'
import type { CommandContext, Runner } from '../context.ts'
import { wrongUsage } from '../failure.ts'
import { Progress } from '../output/progress.ts'
import type { AnyStore } from '../target/known.ts'
import { openTarget } from '../target/open.ts'

export function copyCommand(runner: Runner): Command {
  return new Command('copy')
    .description(
      'Copy all streams and events into another store. Repeat it to resume, or to copy newer events.',
    )
    .requiredOption('--to <url>', 'the store to copy into; it is created if it does not exist')
    .action(({ to }: { to: string }, command: Command) =>
      runner.run(command, 'changes', async (context) => {
        const target = await openTarget({ url: to }, true)
        try {
          if (target.shown === context.shown) throw wrongUsage('Both URLs name the same store')
          const { operator, signal } = context
          const result = await audited(
            target.store,
            { ...operator, action: 'copy', target: 'log', details: { from: context.shown } },
            async () => {
              const streams = await copyStreams(context, target.store)
              return { streams, ...(await copyEvents(runner, context, target.store)) }
            },
            { results: ({ streams, imported, skipped }) => ({ streams, imported, skipped }), signal },
          )
          const { streams, imported, skipped } = result
          const text = `Copied to ${target.shown}: ${imported} events, ${skipped} were there before; ${streams} streams with metadata or without events.`
          await context.printer.print({ to: target.shown, ...result }, text)
        } finally {
          await target.store.close()
        }
      }),
    )
}

/** Creates the streams of which the events alone would not tell: with metadata, or without events. */
async function copyStreams({ store, signal }: CommandContext, target: AnyStore): Promise<number> {
  let created = 0
  for await (const { streamId, version, metadata } of store.listStreams({ signal })) {
    if (version > 0 && Object.keys(metadata).length === 0) continue
    try {
      await target.createStream(streamId, { metadata, signal })
      created++
    } catch (error) {
      if (!hasCode(error, 'stream-already-exists')) throw error
    }
  }
  return created
}

async function copyEvents(runner: Runner, { store, signal }: CommandContext, target: AnyStore) {
  const shown = new Progress(runner.terminal, 'positions')
  let [position, end] = [0, 0]
  for await (const last of store.raw.readAll({ direction: 'backward', limit: 1, signal })) end = last.position
  async function* events() {
    for await (const event of store.raw.readAll({ signal })) {
      position = event.position
      yield event
    }
  }
  try {
    return await target.import(events(), {
      shape: 'stored',
      signal,
      onProgress: () => shown.show({ done: position, total: Math.max(end, position) }),
    })
  } finally {
    shown.end()
  }
}
