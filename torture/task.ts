/** The task of a client process, which is its only argument, and the messages between it and the campaign. */
import type { Breakage } from './breakages.ts'

export type StoreAddress =
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'pglite'; readonly folder: string }
  | { readonly kind: 'dynamodb'; readonly endpoint: string }

export interface ClientTask {
  readonly address: StoreAddress
  /** The client's name. A process that replaces a killed one has the same name. */
  readonly client: string
  /** How many processes have had this name, including this one: 1 for the first. */
  readonly life: number
  readonly seed: number
  /** The folder of the histories. */
  readonly folder: string
  /** The number of concurrent operations; 0: the client only follows the log. */
  readonly writers: number
  /** The largest number of events in an append. */
  readonly batch: number
  /** After so many operations, the client uses new streams, because long streams would make each read slow. */
  readonly operationsPerGeneration: number
  /** Whether the client follows the log: with `readAll`, with a subscription, and with projections. */
  readonly follows: boolean
  /** How many subscriptions a follower runs. */
  readonly subscriptions: number
  /** Counts from 1. A higher one raises the versions of the subscriptions, or takes over their places. */
  readonly generation: number
  /** The longest time that the client's own transactions stay open, in milliseconds; 0: it begins none. */
  readonly slowness: number
  /** Whether some requests to DynamoDB fail. */
  readonly requestFaults: boolean
  readonly leaseTime: number
  /** How long each step of the client's end may take, in milliseconds. */
  readonly patience: number
  readonly breakage: Breakage | undefined
}

/** A message from a client: its progress, or that it has carried out an order. */
export type ClientMessage =
  | {
      readonly kind: 'progress'
      readonly appended: number
      readonly followed: number
      readonly snapshots: number
      readonly faults: number
    }
  | { readonly kind: 'written' }
  | { readonly kind: 'ended' }

/** An order to a client: first to end its writing, and then to follow the log up to its end and to exit. */
export type ClientOrder = { readonly kind: 'end writing' } | { readonly kind: 'end' }

export const historyFile = (
  folder: string,
  client: string,
  what: 'operations' | 'log' | 'subscription',
): string => `${folder}/${client}.${what}.jsonl`
