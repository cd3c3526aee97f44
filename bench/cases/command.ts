/** Handling commands: load a stream of 20 events, decide, append one; 32 callers over many streams. */
import type { Case } from '../case.ts'
import { closedLoop, forEachOf } from '../closed-loop.ts'
import { emmett } from '../contestants/emmett.ts'
import { type BenchStoreKind, createStreams, storeContestant } from '../contestants/event-store.ts'
import { ours } from '../contestants/ours.ts'

const callers = 32
const streamLength = 20

export const commandCases: readonly Case[] = [
  {
    name: 'command',
    group: 'command',
    work: 'load 20 events, decide, append one; 32 callers over many streams',
    unit: 'commands/s',
    better: 'higher',
    target: 7,
    ours: handleCommands(ours, 'cold'),
    peer: handleCommands(emmett, 'cold'),
  },
  {
    name: 'command-warm',
    group: 'command',
    work: 'the same, where our handler keeps the states of all these streams',
    unit: 'commands/s',
    better: 'higher',
    target: 5,
    ours: handleCommands(ours, 'warm'),
    peer: handleCommands(emmett, 'cold'),
  },
]

function handleCommands(kind: BenchStoreKind, states: 'cold' | 'warm') {
  return storeContestant(kind, async (store, { quick, seconds, directUrl }) => {
    // With so many streams, the commands of all rounds make no stream much longer.
    const streams = await createStreams(kind, directUrl, quick ? 5_000 : 20_000, streamLength)
    const handle = store.commandHandler({ cachedStreams: states === 'warm' ? streams.length : 0 })
    if (states === 'warm') await forEachOf(streams, callers, handle)
    let next = 0
    return {
      filled: streams.length * (streamLength + (states === 'warm' ? 1 : 0)),
      async turn() {
        const loop = await closedLoop(callers, seconds, () => handle(streams[next++ % streams.length] ?? ''))
        return { value: loop.perSecond, appended: loop.operations, loop }
      },
    }
  })
}
