/**
 * Lists cases of command handlers three times: for handlers that load each stream from its first event, for handlers with
 * a state cache, and for handlers with snapshots.
 */
import { commandHandler } from '../command/command-handler.ts'
import type { ConformanceCase } from './case.ts'

export function onEachHandler(
  casesOf: (handlerOf: typeof commandHandler) => readonly ConformanceCase[],
): readonly ConformanceCase[] {
  const inGroup = (suffix: string, cases: readonly ConformanceCase[]) =>
    cases.map((one) => ({ ...one, group: `${one.group}, ${suffix}` }))
  return [
    ...casesOf(commandHandler),
    ...inGroup(
      'with a state cache',
      casesOf((options) => commandHandler({ cacheSize: 1000, ...options })),
    ),
    ...inGroup('with snapshots', casesOf(snapshotHandler)),
  ]
}

// A case may have several deciders on one store, and each needs snapshots of its own.
const names = new WeakMap<object, string>()
let lastName = 0

/** Makes a handler that writes a snapshot after each event, unless the case gives it a store without snapshots. */
const snapshotHandler: typeof commandHandler = (options) => {
  const { store, decider } = options
  const evolve = decider?.evolve
  if (store?.snapshots === undefined || typeof evolve !== 'function') return commandHandler(options)
  const name = names.get(evolve) ?? `decider ${++lastName}`
  names.set(evolve, name)
  return commandHandler({ snapshot: { name, version: 1, every: 1, wait: true }, ...options })
}
