/** The routes that only read. */
import type { ConsoleContext } from '../options.ts'
import { eventRoutes } from './events.ts'
import { liveRoutes } from './live.ts'
import { parkedRoutes } from './parked.ts'
import { projectionRoutes } from './projections.ts'
import type { Routes } from './route.ts'
import { stateRoutes } from './state.ts'
import { storeRoutes } from './store.ts'
import { timelineRoutes } from './stream.ts'
import { streamRoutes } from './streams.ts'
import { subscriptionRoutes } from './subscriptions.ts'
import { traceRoutes } from './trace.ts'

export const readRoutes: readonly ((context: ConsoleContext) => Routes)[] = [
  ...[storeRoutes, streamRoutes, timelineRoutes, stateRoutes],
  ...[eventRoutes, liveRoutes, traceRoutes],
  ...[projectionRoutes, subscriptionRoutes, parkedRoutes],
]
