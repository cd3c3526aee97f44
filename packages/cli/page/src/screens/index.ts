/** The screens, in the order of the navigation. */
import { AuditScreen } from './audit/audit-screen.tsx'
import { OverviewScreen } from './overview/overview-screen.tsx'
import { ParkedScreen } from './parked/parked-screen.tsx'
import { ProjectionsScreen } from './projections/projections-screen.tsx'
import type { Screen } from './screen.ts'
import { StreamParts } from './streams/stream-parts.tsx'
import { SubscriptionsScreen } from './subscriptions/subscriptions-screen.tsx'
import { TailScreen } from './tail/tail-screen.tsx'
import { TraceScreen } from './trace/trace-screen.tsx'

export const screens: readonly Screen[] = [
  { name: 'overview', title: 'Overview', key: 'o', shown: OverviewScreen },
  { name: 'streams', title: 'Streams', key: 's', shown: StreamParts, parts: ['stream', 'event'] },
  { name: 'trace', title: 'Trace', key: 'c', shown: TraceScreen },
  { name: 'tail', title: 'Live tail', key: 'l', shown: TailScreen },
  {
    name: 'subscriptions',
    title: 'Subscriptions',
    key: 'u',
    shown: SubscriptionsScreen,
    parts: ['subscription'],
  },
  { name: 'parked', title: 'Parked events', key: 'e', shown: ParkedScreen },
  {
    name: 'projections',
    title: 'Projections',
    key: 'p',
    shown: ProjectionsScreen,
    parts: ['documents', 'document'],
  },
  { name: 'audit', title: 'Audit', key: 'a', shown: AuditScreen },
]
