/** `#/projections`, `#/documents?projection`, `#/document?projection&key`. */
import type { ScreenProps } from '../screen.ts'
import { DocumentDetails } from './document.tsx'
import { Documents } from './documents.tsx'
import { ProjectionList } from './list.tsx'

export function ProjectionsScreen({ part, params }: ScreenProps) {
  const { projection = '', key = '', prefix = '', after } = params
  if (part === 'document') return <DocumentDetails projection={projection} name={key} />
  if (part === 'documents') {
    return <Documents projection={projection} prefix={prefix} after={after} key={projection} />
  }
  return <ProjectionList />
}
