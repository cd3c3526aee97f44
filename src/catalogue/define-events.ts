/** Makes catalogues: checks what a program says about its events, and keeps it in the form that reading and writing use. */
import type { Event } from '../event.ts'
import { checkedNames, checkFunction, checkName, checkOneOf } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'
import { asyncApiDocument } from './async-api.ts'
import type { Catalogue, CatalogueOptions, CheckedSchemas, DataOf, Schemas } from './catalogue.ts'
import { checkStored } from './check.ts'
import type { EventsOf } from './definitions.ts'
import { dataSchemas } from './json-schema.ts'
import {
  type DataStep,
  isCatalogue,
  isParts,
  type KnownEvent,
  KnownEvents,
  knownEventsOf,
  type Parts,
  type Route,
  registerKnownEvents,
  type UnknownPolicy,
  type WrittenForm,
} from './known-events.ts'
import { makeDecider, makeProjection, makeRawProjection, makeSubscription } from './make.ts'
import { nearestName } from './nearest-name.ts'
import type { OutputOf, StandardSchema } from './standard-schema.ts'
import { checkTypes } from './unknown-type.ts'
import type { Upcasts } from './upcasts.ts'

const compilerOnly: StandardSchema = {
  '~standard': { version: 1, vendor: 'eventsourced', validate: (value) => ({ value }) },
}

/** Returns a schema whose data only the compiler checks. */
export function payload<Data>(): StandardSchema<Data> {
  return compilerOnly as StandardSchema<Data>
}

type AnyUpcasts = Readonly<Record<string, Upcasts[string]>>
type AnyWriteAs = Readonly<Record<string, string | { readonly [version: number]: unknown } | undefined>>

/**
 * Defines the events that a program knows: for each type a schema of its data (of zod, Valibot, ArkType or another library
 * with Standard Schema), or `payload<Data>()`. Pass the catalogue to the store as its option `events`.
 *
 * Without arguments, `defineEvents<MyEvents>()` is a catalogue that only the compiler knows. It validates nothing.
 * @throws InvalidInputError if a schema, an upcast or a `writeAs` is wrong
 */
export function defineEvents<E extends Event>(): Catalogue<E>
export function defineEvents<const S extends Schemas, const Given extends Upcasts>(
  schemas: S & CheckedSchemas<S>,
  options?: CatalogueOptions<DataOf<S>, Given>,
): Catalogue<{ [Type in keyof S & string]: Event<Type, OutputOf<S[Type]>> }[keyof S & string]>
export function defineEvents(
  schemas?: Schemas,
  options?: CatalogueOptions<Record<string, unknown>, Upcasts>,
): Catalogue {
  if (schemas === undefined) return catalogueOf(new KnownEvents(new Map(), new Map(), 'refuse', true), [])
  return readSafely('schemas', schemas, () => {
    const { unknown = 'refuse' } = optionsOf(options, ['unknown'])
    const { upcasts = {}, writeAs = {} } = optionsOf(options, ['upcasts', 'writeAs'])
    checkOptionNames(options ?? {}, ['unknown', 'upcasts', 'writeAs'])
    checkOneOf(unknown, 'unknown', ['refuse', 'skip'])
    const known = knownEvents(
      ownProperties(schemas, 'schemas'),
      ownProperties(upcasts as AnyUpcasts, 'upcasts'),
      ownProperties(writeAs as AnyWriteAs, 'writeAs'),
      unknown,
    )
    return catalogueOf(known, [...known.events.keys()])
  })
}

/**
 * Returns one catalogue with the events of all given ones, for a store that they share. Its policy for unknown events is
 * 'skip' if one of them has it.
 * @throws InvalidInputError if two catalogues have the same name for different events
 */
export function mergeEvents<const C extends readonly Catalogue[]>(
  ...catalogues: C
): Catalogue<EventsOf<C[number]>> {
  const events = new Map<string, KnownEvent>()
  const routes = new Map<string, Route>()
  let unknown: UnknownPolicy = 'refuse'
  for (const [index, catalogue] of catalogues.entries()) {
    const field = `catalogues[${index}]`
    if (!isCatalogue(catalogue)) refuse(field, 'must be made by defineEvents() or mergeEvents()', catalogue)
    const known = knownEventsOf(catalogue)
    if (known.isOpen) refuse(field, 'must have schemas: only the compiler knows its events', catalogue)
    if (known.unknown === 'skip') unknown = 'skip'
    for (const [name, route] of known.routes) {
      const other = routes.get(name)
      if (other !== undefined && other !== route)
        refuse(field, `must not define '${name}', which another catalogue defines`, name)
      routes.set(name, route)
    }
    for (const [type, event] of known.events) events.set(type, event)
  }
  const known = new KnownEvents(events, routes, unknown)
  return catalogueOf(known, [...events.keys()]) as Catalogue<EventsOf<C[number]>>
}

/** A misspelt option would leave old events as they are. */
function checkOptionNames(options: object, names: readonly string[]): void {
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue
    const nearest = nearestName(name, names)
    refuse(
      name,
      `is no option of defineEvents${nearest === undefined ? '' : `; did you mean '${nearest}'?`}`,
      name,
    )
  }
}

/** Returns a copy that inherits nothing, so that an event may be called 'constructor'. @throws InvalidInputError */
function ownProperties<T extends object>(given: T, field: string): T {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || given instanceof Map) {
    refuse(field, 'must be an object', given)
  }
  return Object.assign(Object.create(null), given)
}

function catalogueOf(known: KnownEvents, types: readonly string[], isPicked = false): Catalogue {
  const catalogue: Omit<Catalogue, '~events'> = {
    types: Object.freeze([...types]),
    unknown: known.unknown,
    pick(...picked: readonly string[]) {
      const names = checkedNames(picked, 'types', 'must name at least one event')
      checkTypes(known, names, 'types')
      for (const [index, type] of names.entries()) {
        if (!known.isOpen && !types.includes(type))
          refuse(`types[${index}]`, 'must be an event of this catalogue', type)
      }
      return catalogueOf(known, [...new Set(names)], true)
    },
    check: (store, options) => checkStored(known, store, options),
    jsonSchema: (options) => dataSchemas(known, types, options),
    asyncApi: (options) => asyncApiDocument(known, types, options),
    decider: (functions) => makeDecider(catalogue as Catalogue, functions),
    projection: (options) => makeProjection(catalogue as Catalogue, options),
    rawProjection: (options) => makeRawProjection(catalogue as Catalogue, options),
    subscription: (options) => makeSubscription(catalogue as Catalogue, options),
  }
  registerKnownEvents(catalogue, known, isPicked)
  return Object.freeze(catalogue) as Catalogue
}

function knownEvents(
  schemas: Schemas,
  upcasts: AnyUpcasts,
  writeAs: AnyWriteAs,
  unknown: UnknownPolicy,
): KnownEvents {
  const events = new Map<string, KnownEvent>()
  const routes = new Map<string, Route>()
  for (const [type, schema] of Object.entries(schemas)) {
    checkName(type, 'the type of an event')
    const steps = stepsOf(type, upcasts[type], schemas)
    const version = steps.size === 0 ? 1 : Math.max(...steps.keys()) + 1
    const event = {
      type,
      schema: schemaOf(type, schema),
      version,
      steps,
      writeAs: writtenForm(type, version, steps, writeAs[type], upcasts),
    }
    events.set(type, event)
    routes.set(type, event)
  }
  for (const type of Object.keys(writeAs)) {
    if (!events.has(type)) refuse(`writeAs.${type}`, 'must be for an event of this catalogue', type)
  }
  for (const [name, today] of Object.entries(upcasts)) {
    if (events.has(name)) continue
    checkName(name, 'the old name of an event')
    routes.set(
      name,
      typeof today === 'string' ? renamed(name, today, events) : partsOf(today, `upcasts.${name}`, schemas),
    )
  }
  return new KnownEvents(events, routes, unknown)
}

function schemaOf(type: string, schema: StandardSchema): StandardSchema | undefined {
  if (schema === compilerOnly) return undefined
  if (typeof schema?.['~standard']?.validate !== 'function') {
    refuse(type, 'must be a schema (of zod, Valibot, ArkType, …), or payload<Data>()', schema)
  }
  return schema
}

function renamed(name: string, today: string, events: ReadonlyMap<string, KnownEvent>): KnownEvent {
  return events.get(today) ?? refuse(`upcasts.${name}`, 'must name an event of this catalogue', today)
}

/** The steps must begin at some version and have no gap. */
function stepsOf(
  type: string,
  given: Upcasts[string] | undefined,
  schemas: Schemas,
): ReadonlyMap<number, DataStep | Parts> {
  const field = `upcasts.${type}`
  const expected =
    'must have the steps from its older versions, { 1: (data) => … }, because it is an event of this catalogue'
  if (given !== undefined && (typeof given !== 'object' || given === null)) refuse(field, expected, given)
  const own = ownProperties(given ?? {}, field)
  const steps = new Map<number, DataStep | Parts>()
  for (const [key, step] of Object.entries(own)) {
    if (!/^[1-9]\d{0,8}$/.test(key)) refuse(field, expected, key)
    const isFunction = typeof step === 'function'
    steps.set(Number(key), isFunction ? (step as DataStep) : partsOf(step, `${field}.${key}`, schemas))
  }
  const versions = [...steps.keys()]
  const [first, last] = [Math.min(...versions), Math.max(...versions)]
  if (steps.size > 0 && last - first + 1 !== steps.size) {
    refuse(field, `must have a step for each version from ${first} to ${last}`, given)
  }
  return steps
}

function partsOf(given: unknown, field: string, schemas: Schemas): Parts {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || given instanceof Map) {
    refuse(field, "must be today's name, or functions by the types of the events that it is read as", given)
  }
  const parts = new Map<string, DataStep>()
  for (const [type, step] of Object.entries(given)) {
    if (!Object.hasOwn(schemas, type)) refuse(field, 'must name events of this catalogue', type)
    checkFunction(step, `${field}.${type}`)
    parts.set(type, step as DataStep)
  }
  return parts
}

function writtenForm(
  type: string,
  version: number,
  steps: ReadonlyMap<number, DataStep | Parts>,
  given: AnyWriteAs[string],
  upcasts: AnyUpcasts,
): WrittenForm | undefined {
  if (given === undefined) return undefined
  const field = `writeAs.${type}`
  if (typeof given === 'string') {
    if (upcasts[given] !== type) refuse(field, `must be a name that upcasts reads as '${type}'`, given)
    return { type: given, version, convert: undefined }
  }
  if (typeof given !== 'object' || given === null) {
    refuse(field, 'must be an old name, or { version: (data) => … }', given)
  }
  const [[key, convert] = [], ...more] = Object.entries(given)
  const step = steps.get(Number(key))
  if (key === undefined || more.length > 0 || step === undefined || isParts(step)) {
    refuse(
      field,
      `must have one function, under an older version that upcasts.${type} reads as one event`,
      key,
    )
  }
  checkFunction(convert, `${field}.${key}`)
  return { type, version: Number(key), convert: convert as (data: unknown) => unknown }
}
