/** What a client process is told to do, as its only argument, and what it says meanwhile. */
import type { Breakage } from './breakages.ts'

export type StoreAddress =
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'pglite'; readonly folder: string }
  | { readonly kind: 'dynamodb'; readonly endpoint: string }

export interface ClientTask {
  readonly address: StoreAddress
  /** The client's name, which whoever is started in its place keeps. */
  readonly client: string
  /** Which one it is of those with this name, from 1. */
  readonly life: number
  readonly seed: number
  /** Where histories are written. */
  readonly folder: string
  /** How many operations it has under way at a time; 0: it only follows. */
  readonly writers: number
  /** Most events of an append. */
  readonly batch: number
  /** After so many operations it goes on to new streams, so that none grows too long to be read again and again. */
  readonly operationsPerGeneration: number
  /** Whether it follows the log: by reading it, by a subscription, and by a projection. */
  readonly follows: boolean
  /** Whether some appends are in transactions that take their time, in milliseconds at most; 0: none. */
  readonly slowness: number
  /** Whether requests fail on their way, of a store on DynamoDB. */
  readonly requestFaults: boolean
  readonly leaseTime: number
  /** How long each step of its end may take, in milliseconds. */
  readonly patience: number
  readonly breakage: Breakage | undefined
}

/** What a client says: how far it is, and what it has done of what it was told. */
export type ClientWord =
  | {
      readonly kind: 'progress'
      readonly appended: number
      readonly followed: number
      readonly faults: number
    }
  | { readonly kind: 'written' }
  | { readonly kind: 'ended' }

/** What a client is told: to end what it writes; and then, to follow the log up to its end, and go. */
export type ClientOrder = { readonly kind: 'end writing' } | { readonly kind: 'end' }

export const historyFile = (
  folder: string,
  client: string,
  what: 'operations' | 'log' | 'subscription',
): string => `${folder}/${client}.${what}.jsonl`
