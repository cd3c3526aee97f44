/**
 * The observer of a store, as the engine calls it: it measures, runs operations and injects metadata, and no mistake of
 * the user's functions reaches the store.
 */
import type { Metadata } from '../event.ts'
import { checkFunction } from '../input/checks.ts'
import { mergedMetadata, metadataJson } from '../input/json.ts'
import { defaultPayloadBytes, type InputLimits } from '../input/limits.ts'
import { optionsOf } from '../input/options.ts'
import { refuse } from '../input/refusal.ts'
import type { StoreOptions } from '../store-options.ts'
import { noteFailure } from './failed-parts.ts'
import type { Metric } from './metric.ts'
import type { Observer } from './observer.ts'
import type { Operation } from './operation.ts'
import { runAround } from './run-around.ts'

type ObserveOptions = Pick<StoreOptions, 'observe' | 'onMetric'> & Pick<InputLimits, 'maxPayloadBytes'>

/** How an operation has ended. */
export type Ended<T> = { readonly result: T } | { readonly error: unknown }

export class Observation implements Observer {
  /** Passes a fact to the observer; undefined if nothing measures. Never throws. */
  readonly measure: ((metric: Metric) => void) | undefined
  /** Runs an operation inside the observer, and settles as the work does; undefined if nothing does. */
  readonly around: (<T>(operation: Operation, work: () => Promise<T>) => Promise<T>) | undefined
  /** Returns metadata that keeps the input rules; undefined if there is none. Never throws. */
  readonly inject: (() => Metadata | undefined) | undefined
  readonly #injectedText: (() => string | undefined) | undefined
  readonly #mostBytes: number
  /** Whether a function of the observer runs. The calls of the store that it makes are not observed: they would never end. */
  #isCalling = false

  constructor({ observe, onMetric, maxPayloadBytes = defaultPayloadBytes }: ObserveOptions) {
    this.#mostBytes = maxPayloadBytes
    const { measure, around, inject } = checkedParts(observe)
    const measures = [
      observe && measure && reporting((metric) => measure.call(observe, metric), observe, 'observe.measure'),
      onMetric && reporting(onMetric, onMetric, 'onMetric'),
    ].filter((one) => one !== undefined)
    this.measure =
      measures.length === 0
        ? undefined
        : (metric) => {
            for (const one of measures) this.#call(() => one(metric))
          }
    if (observe !== undefined && around !== undefined) {
      const bound: typeof around = around.bind(observe)
      const fail = (error: unknown) => noteFailure(observe, 'observe.around', error)
      this.around = (operation, work) =>
        this.#isCalling
          ? work()
          : this.#call(() => runAround(bound, operation, () => this.#call(work, false), fail))
    }
    if (observe !== undefined && inject !== undefined) {
      this.#injectedText = () => {
        try {
          const metadata: unknown = this.#call(() => inject.call(observe))
          return metadata === undefined
            ? undefined
            : metadataJson(metadata, 'the result', { maxPayloadBytes })
        } catch (error) {
          noteFailure(observe, 'observe.inject', error)
          return undefined
        }
      }
      this.inject = () => {
        // A copy: the user's function may return an object with getters, or change it later.
        const text = this.#injectedText?.()
        return text === undefined ? undefined : JSON.parse(text)
      }
    }
  }

  #call<T>(part: () => T, isOfObserver = true): T {
    const before = this.#isCalling
    this.#isCalling = isOfObserver
    try {
      return part()
    } finally {
      this.#isCalling = before
    }
  }

  /** Runs an operation inside `around`, and measures how long it takes and how it ends. */
  run<T>(
    operation: Operation,
    work: () => Promise<T>,
    metricOf: (ended: Ended<T>, duration: number) => Metric,
  ): Promise<T> {
    if (this.#isCalling) return work()
    const { measure, around } = this
    const perform = around === undefined ? work : () => around(operation, work)
    return measure === undefined ? perform() : timed(measure, perform, metricOf)
  }

  /**
   * Calls `inject` once. Returns a function that adds the metadata to an event's own, as JSON text; undefined if there is
   * nothing to add. The properties of the event win. The function returns the event's own text if both together would
   * exceed the limit of the store: an observer must not make an append fail.
   */
  injector(): ((own: string) => string) | undefined {
    const injected = this.#isCalling ? undefined : this.#injectedText?.()
    if (injected === undefined) return undefined
    return (own) => {
      const text =
        own === '{}' ? injected : JSON.stringify(mergedMetadata(JSON.parse(injected), JSON.parse(own)))
      const isTooLarge = text.length * 3 > this.#mostBytes && Buffer.byteLength(text) > this.#mostBytes
      return isTooLarge ? own : text
    }
  }
}

/** Runs the work, and measures how long it takes and how it ends. The caller learns of the end after `measure`. */
export function timed<T>(
  measure: (metric: Metric) => void,
  work: () => Promise<T>,
  metricOf: (ended: Ended<T>, duration: number) => Metric,
): Promise<T> {
  const began = performance.now()
  const note = (ended: Ended<T>) => measure(metricOf(ended, performance.now() - began))
  let working: Promise<T>
  try {
    working = work()
  } catch (error) {
    working = Promise.reject(error)
  }
  working.then(
    (result) => note({ result }),
    (error: unknown) => note({ error }),
  )
  return working
}

/**
 * Returns the observation of a store that is opened with these options. Returns undefined if they name no observer: the
 * store then does nothing for one.
 * @throws InvalidInputError if `observe` or `onMetric` is wrong
 */
export function observationOf(options: ObserveOptions | undefined): Observation | undefined {
  const { observe, onMetric } = optionsOf(options, ['observe', 'onMetric'])
  const { maxPayloadBytes } = optionsOf(options, ['maxPayloadBytes'])
  if (onMetric !== undefined) checkFunction(onMetric, 'onMetric')
  if (observe !== undefined) checkedParts(observe)
  if (observe === undefined && onMetric === undefined) return undefined
  return new Observation({ observe, onMetric, maxPayloadBytes })
}

/** Returns the observer of a store object as an observation; `observe` is one if the store is of this library. */
export function asObservation(observe: Observer | undefined): Observation | undefined {
  return observe === undefined || observe instanceof Observation ? observe : observationOf({ observe })
}

function checkedParts(observe: Observer | undefined): Observer {
  if (observe === null) refuse('observe', 'must be an observer: { measure, around, inject }', observe)
  const names = ['measure', 'around', 'inject'] as const
  const parts = optionsOf(observe, names, 'observe', 'observe.')
  // Probably the module of OpenTelemetry without `otel`, or a misspelt name: nothing would be observed, in silence.
  if (observe !== undefined && Object.keys(observe).length > 0 && !names.some((name) => name in observe)) {
    refuse('observe', 'must have `measure`, `around` or `inject`, as the result of otel(api) has', observe)
  }
  for (const [name, part] of Object.entries(parts)) checkFunction(part, `observe.${name}`)
  return parts
}

/** Returns a function that never throws, and reports the first failure of the callback, or of its promise. */
function reporting(
  callback: (metric: Metric) => void,
  observer: object,
  part: string,
): (metric: Metric) => void {
  const fail = (error: unknown) => noteFailure(observer, part, error)
  return (metric) => {
    try {
      // A function that returns `void` may return a promise.
      const result: unknown = callback(metric)
      if (result !== undefined) Promise.resolve(result).catch(fail)
    } catch (error) {
      fail(error)
    }
  }
}
