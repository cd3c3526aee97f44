/** Decorators for classes that follow the log. */
import type {
  Event,
  HandlerContext,
  HandlerTransaction,
  Projection,
  RawProjectionOptions,
  RecordedEvent,
  SubscribeOptions,
} from '@eventsourced/core'
import { Injectable, SetMetadata } from '@nestjs/common'

/** The options of any subscription. */
// biome-ignore lint/suspicious/noExplicitAny: the events and the transaction may have any type
export type AnySubscribeOptions = SubscribeOptions<any, any>

/** The options of a subscription, without its handler. */
export type HandlerOptions = Omit<
  Extract<AnySubscribeOptions, { readonly name: string }>,
  'handle' | 'handleBatch'
>

/** How an async projection runs: its error policy, its batches and its lease. */
export type ProjectionRunOptions = Omit<
  Extract<AnySubscribeOptions, { readonly projection: Projection }>,
  'projection'
>

interface OnStore {
  /** The name of the store. @default the store that was registered without a name */
  readonly store?: string | undefined
}

/** The options of `@Subscribes`. */
export interface SubscribesOptions extends HandlerOptions, OnStore {}

/** A class that handles the events of a subscription, one by one or in batches. */
export interface SubscriptionHandler {
  // biome-ignore lint/suspicious/noExplicitAny: the class says which events and which transaction it takes
  handle?(event: RecordedEvent<any>, context: HandlerContext<any>): Promise<void> | void
  // biome-ignore lint/suspicious/noExplicitAny: the class says which events and which transaction it takes
  handleBatch?(events: readonly RecordedEvent<any>[], context: HandlerContext<any>): Promise<void> | void
}

/** The options of `@Projects`. */
export interface ProjectsOptions extends ProjectionRunOptions, OnStore {
  /** Unique among the store's projections. */
  readonly name: string
  /** Raise it when the class writes other things for the same events. @default 1 */
  readonly version?: number | undefined
  /** Selects events of these types, or the events of a catalogue. @default all */
  readonly events?: RawProjectionOptions<Event, HandlerTransaction>['events']
  /** Selects events of streams whose id begins with this text. @default all */
  readonly streamPrefix?: string | undefined
}

/** A class that writes tables or documents of its own from events. */
export interface ProjectionHandler {
  // biome-ignore lint/suspicious/noExplicitAny: the class says which events and which transaction it takes
  handle(events: readonly RecordedEvent<any>[], tx: any): Promise<void> | void
}

const subscribesKey = 'eventsourced:subscribes'
const projectsKey = 'eventsourced:projects'

/**
 * Makes a provider the handler of a subscription. The class has a method `handle(event, context)` or
 * `handleBatch(events, context)`. The subscription starts when the application has started, and stops when it shuts
 * down.
 */
export function Subscribes(
  options: SubscribesOptions,
  // biome-ignore lint/suspicious/noExplicitAny: Nest passes the dependencies
): (target: new (...dependencies: any[]) => SubscriptionHandler) => void {
  return (target) => {
    Injectable()(target)
    SetMetadata(subscribesKey, options)(target)
  }
}

/** Returns the options that `@Subscribes` gave a class, if it did. */
export function subscribesOptionsOf(target: object): SubscribesOptions | undefined {
  return Reflect.getOwnMetadata(subscribesKey, target)
}

/**
 * Makes a provider a raw async projection: its method `handle(events, tx)` writes through `tx` what it likes, in the
 * transaction that also moves the checkpoint. It starts when the application has started, and stops when it shuts down.
 */
export function Projects(
  options: ProjectsOptions,
  // biome-ignore lint/suspicious/noExplicitAny: Nest passes the dependencies
): (target: new (...dependencies: any[]) => ProjectionHandler) => void {
  return (target) => {
    Injectable()(target)
    SetMetadata(projectsKey, options)(target)
  }
}

/** Returns the options that `@Projects` gave a class, if it did. */
export function projectsOptionsOf(target: object): ProjectsOptions | undefined {
  return Reflect.getOwnMetadata(projectsKey, target)
}
