/** The screens below “Streams” in the navigation: the list, one stream, and one event. */
import { EventScreen } from '../event/event-screen.tsx'
import type { ScreenProps } from '../screen.ts'
import { StreamScreen } from '../stream/stream-screen.tsx'
import { StreamsScreen } from './streams-screen.tsx'

export function StreamParts(props: ScreenProps) {
  const { part, params } = props
  if (part === 'stream') return <StreamScreen key={params.id} {...props} />
  if (part === 'event') return <EventScreen key={params.position ?? params.id} {...props} />
  return <StreamsScreen {...props} />
}
