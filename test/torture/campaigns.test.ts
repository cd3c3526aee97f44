/** Short campaigns, one of each kind: the checker finds no fault while processes, connections and servers fail. */
import { describe, expect, it } from 'vitest'
import { type CampaignOptions, type CampaignResult, runCampaign } from '../../torture/campaign.ts'
import { findingKinds } from '../../torture/check/findings.ts'
import { scenariosOf } from '../../torture/scenarios.ts'
import { isMissing } from '../emulators/start.ts'

const nothing = Object.fromEntries(findingKinds.map((kind) => [kind, 0]))

/** The campaigns, each with the faults that must have happened. Without them, a campaign would prove nothing. */
const campaigns: readonly (Pick<CampaignOptions, 'store'> & {
  readonly name: string
  readonly seconds: number
  readonly happens: readonly string[]
})[] = [
  { store: 'postgres', name: 'kill', seconds: 6, happens: ['clients killed', 'snapshots'] },
  { store: 'postgres', name: 'pause', seconds: 6, happens: ['clients paused'] },
  { store: 'postgres', name: 'backends', seconds: 6, happens: ['backends ended'] },
  { store: 'postgres', name: 'crash', seconds: 8, happens: ['server crashes'] },
  { store: 'postgres', name: 'ambiguous', seconds: 6, happens: ['commits without an answer'] },
  { store: 'postgres', name: 'cut', seconds: 6, happens: ['messages cut', 'connections delayed'] },
  { store: 'postgres', name: 'slow', seconds: 6, happens: [] },
  { store: 'postgres', name: 'change', seconds: 10, happens: ['repartitions', 'pauses', 'clients killed'] },
  {
    store: 'postgres',
    name: 'all',
    seconds: 12,
    happens: [
      'clients killed',
      'clients paused',
      'backends ended',
      'server crashes',
      'commits without an answer',
    ],
  },
  { store: 'pglite', name: 'kill', seconds: 12, happens: ['clients killed', 'snapshots'] },
  { store: 'dynamodb', name: 'kill', seconds: 8, happens: ['clients killed', 'snapshots'] },
  { store: 'dynamodb', name: 'change', seconds: 10, happens: ['repartitions', 'clients killed'] },
  { store: 'dynamodb', name: 'all', seconds: 10, happens: ['clients killed', 'clients paused', 'requests'] },
]

/** A killed client starts again with the snapshots of its former life. Without kills, it needs few of them. */
const timesOf = (what: string, { faults, snapshots }: CampaignResult) =>
  what === 'snapshots' ? snapshots : (faults.get(what) ?? 0)

describe('campaigns', () => {
  it.each(campaigns)('$store, $name', { timeout: 180_000 }, async ({ store, name, seconds, happens }) => {
    const emulator = isMissing('dynoxide') === undefined ? 'dynoxide' : 'dynamodb-local'
    const scenario = scenariosOf(store).find((one) => one.name === name)
    if (scenario === undefined) throw new Error(`There is no scenario ${name} for ${store}`)
    const seed = Math.floor(Math.random() * 1_000_000)
    const result = await runCampaign({
      ...{ store, emulator, scenario, seconds, happens, seed, patience: 60 },
      ...{ writers: 4, followers: 2, subscriptions: 12, atOnce: 4, batch: 6 },
    })
    expect({ seed, ...result.findings.counts }, result.findings.examples.join('\n')).toEqual({
      seed,
      ...nothing,
    })
    expect(result.appended).toBeGreaterThan(0)
    // On PGlite, which admits one store, no former release writes events to split.
    expect(result.splits > 0, `${result.splits} splits`).toBe(store !== 'pglite')
    if ((scenario.slowness ?? 0) > 0) expect(result.slow).toBeGreaterThan(0)
    for (const what of happens) expect(timesOf(what, result), what).toBeGreaterThan(0)
  })
})
