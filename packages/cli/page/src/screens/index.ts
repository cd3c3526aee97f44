/** The screens, in the order of the navigation. */
import type { Screen } from './screen.ts'
import { StreamParts } from './streams/stream-parts.tsx'
import { TraceScreen } from './trace/trace-screen.tsx'

export const screens: readonly Screen[] = [
  { name: 'streams', title: 'Streams', key: 's', shown: StreamParts, parts: ['stream', 'event'] },
  { name: 'trace', title: 'Trace', key: 'c', shown: TraceScreen },
]
