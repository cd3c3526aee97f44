/**
 * Checks how much work the types of this library cause for the compiler of a user with many event types. It compiles two
 * generated programs, and fails above a ceiling of type instantiations or types. It prints the time, but does not judge
 * it, because the time depends on the machine.
 */
import { typeCheck } from './type-check.ts'

const eventTypes = 200
const catalogueTypes = 1_000

/**
 * More than a program that only imports the library. Measured on 30 Nov 2026 with TypeScript 7.0.2: 3,250 instantiations
 * and 4,206 types; with 400 event types 6,250 and 8,206. The ceilings are 1.5 times as high: work that grows with the
 * square of the event types (200 × 200 = 40,000) exceeds them.
 */
const ceilings: Readonly<Record<string, number>> = { Instantiations: 4_900, Types: 6_300 }

/** Measured as above: 130,182 instantiations and 15,348 types; with 2,000 event types 259,182 and 28,348. */
const catalogueCeilings: Readonly<Record<string, number>> = { Instantiations: 196_000, Types: 23_300 }

const importingProgram = `
import { commandHandler, decider, defineEvents, fold, foldStream, memoryStore, payload, projection } from '@eventsourced/core'
export const used = [commandHandler, decider, defineEvents, fold, foldStream, memoryStore, payload, projection]
`

/** Returns a program with a decider, a projection and a subscription for `count` event types. */
export function typeCostProgram(count: number): string {
  const names = Array.from({ length: count }, (_, index) => `Happened${index}`)
  const lines = (line: (name: string, index: number) => string) => names.map(line).join('\n')
  return `
import { commandHandler, decider, fold, foldStream, memoryStore, projection, type RecordedEvent } from '@eventsourced/core'

type ShopEvent =
${lines((name, index) => `  | { type: '${name}'; data: { id: string; field${index}: number } }`)}
type State = { status: 'new' | 'open' | 'closed'; total: number }

const shop = decider({
  initialState: (): State => ({ status: 'new', total: 0 }),
  decide(command: { index: number }, { status }): ShopEvent[] {
    if (status === 'closed') throw new Error('closed')
    return [{ type: '${names[0]}', data: { id: 'a', field0: command.index } }]
  },
  evolve(state, { type, data }) {
    switch (type) {
${lines((name, index) => `      case '${name}': return { ...state, status: '${index % 2 === 0 ? 'open' : 'closed'}', total: state.total + data.field${index} }`)}
    }
  },
})

const totals = projection({
  name: 'totals',
  events: [${names.map((name) => `'${name}'`).join(', ')}],
  key({ type, data }: RecordedEvent<ShopEvent>) {
    switch (type) {
${lines((name, index) => `      case '${name}': return data.field${index} > 0 ? data.id : undefined`)}
    }
  },
  initialState: (): State => ({ status: 'new', total: 0 }),
  evolve(state, { type, data }) {
    switch (type) {
${lines((name, index) => `      case '${name}': return { ...state, status: '${index % 2 === 0 ? 'open' : 'closed'}', total: state.total + data.field${index} }`)}
    }
  },
})

const store = memoryStore({ inline: [totals] })
const handle = commandHandler({ store, decider: shop })
const { events } = await handle('shop-1', { index: 1 })
fold(shop, events)
await foldStream(store, 'shop-1', shop)
await store.view(totals).get('a')
store.subscribe({
  name: 'printer',
  types: [${names.map((name) => `'${name}'`).join(', ')}],
  handle({ type, data }: RecordedEvent<ShopEvent>) {
    switch (type) {
${lines((name, index) => `      case '${name}': return console.log(data.field${index})`)}
    }
  },
})
store.subscribe({ projection: totals })
`
}

/**
 * Returns one problem for each ceiling that the compiler's output (`--extendedDiagnostics`) exceeds. `base`: the output
 * for the program with which it is compared.
 */
export function costProblems(
  output: string,
  base: string,
  limits: Readonly<Record<string, number>> = ceilings,
): string[] {
  return Object.entries(limits).flatMap(([field, ceiling]) => {
    const cost = costOf(field, output, base)
    if (Number.isNaN(cost)) return [`the compiler did not print '${field}'`]
    return cost > ceiling ? [`${field}: ${cost} is more than the ceiling of ${ceiling}`] : []
  })
}

function costOf(field: string, output: string, base: string): number {
  return Number(diagnostic(output, field)) - Number(diagnostic(base, field))
}

function diagnostic(output: string, field: string): string | undefined {
  return new RegExp(`^${field}: +(\\S+)`, 'm').exec(output)?.[1]
}

/** Returns a program with a catalogue of `count` event types, of which a typed store appends 200. */
export function catalogueCostProgram(count: number): string {
  const numbers = Array.from({ length: count }, (_, index) => index)
  const lines = (line: (index: number) => string) => numbers.map(line).join('\n')
  const data = (index: number) =>
    `{ id: 'a', field${index}: 1, tags: [], price: { amount: 1, currency: 'EUR' } }`
  return `
import { commandHandler, defineEvents, memoryStore, payload } from '@eventsourced/core'

const events = defineEvents({
${lines((index) => `  Happened${index}: payload<{ id: string; field${index}: number; tags: string[]; price: { amount: number; currency: 'EUR' | 'USD' } }>(),`)}
})
const store = memoryStore({ events })
${numbers
  .slice(0, 200)
  .map((index) => `await store.append('a', [{ type: 'Happened${index}', data: ${data(index)} }])`)
  .join('\n')}
const decider = events.decider({
  initialState: () => ({ count: 0 }),
  commands: { happen: (_data: undefined) => ({ type: 'Happened0', data: ${data(0)} }) },
  evolve: (state, { type }) => (type === 'Happened1' ? state : { count: state.count + 1 }),
})
await commandHandler({ store, decider })('a', { type: 'happen' })
store.subscribe(events.pick('Happened1').subscription({ name: 'one', handle: ({ data }) => console.log(data.field1) }))
`
}

// With one thread, the compiler counts the same in each run.
const compile = (program: string) =>
  typeCheck(new Map([['program.ts', program]]), ['--extendedDiagnostics', '--singleThreaded'])

/** Compiles a program, prints the cost, and returns its problems. */
function check(
  name: string,
  program: string,
  base: string,
  limits: Readonly<Record<string, number>>,
): readonly string[] {
  const { passed, output } = compile(program)
  const problems = passed ? costProblems(output, base, limits) : [output]
  for (const problem of problems) console.error(problem)
  const counts = Object.keys(limits).map((field) => `${field} ${costOf(field, output, base)}`)
  const times = ['Check time', 'Total time'].map((field) => `${field} ${diagnostic(output, field)}`)
  console.log(`type cost: ${name}, ${[...counts, ...times].join(', ')}, ${problems.length} problems`)
  return problems
}

/** Returns the problems of the same program with TypeScript 5.9, which counts otherwise: it must compile. */
function checkOlder(name: string, program: string): readonly string[] {
  const { passed, output } = typeCheck(new Map([['program.ts', program]]), ['--extendedDiagnostics'], 5)
  const problems = passed ? [] : [output]
  for (const problem of problems) console.error(problem)
  const time = diagnostic(output, 'Total time') ?? 'unknown'
  console.log(`type cost: ${name} with TypeScript 5.9, Total time ${time}, ${problems.length} problems`)
  return problems
}

if (process.argv[1] === import.meta.filename) {
  const catalogue = catalogueCostProgram(catalogueTypes)
  const { output: base } = compile(importingProgram)
  const name = `a catalogue of ${catalogueTypes} event types`
  const problems = [
    ...check(`${eventTypes} event types`, typeCostProgram(eventTypes), base, ceilings),
    ...check(name, catalogue, base, catalogueCeilings),
    ...checkOlder(name, catalogue),
  ]
  process.exitCode = problems.length > 0 ? 1 : 0
}
