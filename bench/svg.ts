/**
 * The common parts of the charts in docs/images/.
 */
export const COLORS = {
  ours: '#e4572e',
  floor: '#9aa5b1',
  peer: '#3a6ea5',
  text: '#1f2933',
  faint: '#7b8794',
  line: '#d9e2ec',
};

/** A white sheet with a heading, a note under it and what `parts` draw from 64 on. */
export function sheet(
  size: { width: number; height: number },
  title: string,
  heading: string,
  note: string,
  parts: readonly string[],
): string {
  const { width, height } = size;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" role="img">
<title>${title}</title>
<rect width="100%" height="100%" fill="#fff"/>
<text x="20" y="30" font-size="17" font-weight="600" fill="${COLORS.text}">${heading}</text>
<text x="20" y="49" fill="${COLORS.faint}">${note}</text>
${parts.join('\n')}
</svg>
`;
}
