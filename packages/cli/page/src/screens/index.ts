/** The screens, in the order of the navigation. */
import type { Screen } from './screen.ts'
import { StreamsScreen } from './streams/streams-screen.tsx'

export const screens: readonly Screen[] = [
  { name: 'streams', title: 'Streams', key: 's', shown: StreamsScreen, parts: ['stream', 'event'] },
]
