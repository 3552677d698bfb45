// A layered layout: nodes in columns by the longest path that leads to them, ordered so that few
// edges cross. Edges over several columns bend at one point in each.

const SWEEPS = 8;
export const NODE = { width: 168, height: 38, columnGap: 76, rowGap: 16 };

function columnsOf(count, edges) {
  const column = new Array(count).fill(0);
  const waiting = new Array(count).fill(0);
  for (const [, to] of edges) waiting[to] += 1;
  const ready = [];
  for (let node = 0; node < count; node += 1) if (waiting[node] === 0) ready.push(node);
  while (ready.length > 0) {
    const node = ready.shift();
    for (const [from, to] of edges) {
      if (from !== node) continue;
      column[to] = Math.max(column[to], column[node] + 1);
      waiting[to] -= 1;
      if (waiting[to] === 0) ready.push(to);
    }
  }
  // Sources stand right before their first reader.
  for (let node = 0; node < count; node += 1) {
    const readers = edges.filter(([from]) => from === node).map(([, to]) => column[to]);
    const isSource = !edges.some(([, to]) => to === node);
    if (isSource && readers.length > 0) column[node] = Math.min(...readers) - 1;
  }
  return column;
}

// Splits edges at the columns that they pass; ids from `count` on are such bends.
function withBends(count, edges, column) {
  const columns = [...column];
  const short = [];
  const ways = edges.map(([from, to]) => {
    const way = [from];
    for (let at = column[from] + 1; at < column[to]; at += 1) {
      way.push(columns.length);
      columns.push(at);
    }
    way.push(to);
    for (let i = 1; i < way.length; i += 1) short.push([way[i - 1], way[i]]);
    return way;
  });
  return { columns, short, ways };
}

function order(layers, short) {
  const place = new Map();
  const note = (layer) => layer.forEach((node, i) => place.set(node, i));
  layers.forEach(note);
  const mean = (node, side) => {
    const near = short.filter((edge) => edge[1 - side] === node)
      .map((edge) => place.get(edge[side]));
    return near.length === 0 ? place.get(node) : near.reduce((a, b) => a + b, 0) / near.length;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const side = sweep % 2;
    const walk = side === 0 ? layers : [...layers].reverse();
    for (const layer of walk) {
      const weight = new Map(layer.map((node) => [node, mean(node, side)]));
      layer.sort((a, b) => weight.get(a) - weight.get(b));
      note(layer);
    }
  }
}

// Places `count` nodes; `edges` are pairs of their numbers, without cycles. Gives the size, the
// corner of each node, and the points of each edge.
export function layOut(count, edges) {
  const { columns, short, ways } = withBends(count, edges, columnsOf(count, edges));
  const layers = [];
  columns.forEach((at, node) => (layers[at] ??= []).push(node));
  for (let at = 0; at < layers.length; at += 1) layers[at] ??= [];
  order(layers, short);
  const stepX = NODE.width + NODE.columnGap;
  const stepY = NODE.height + NODE.rowGap;
  const rows = Math.max(1, ...layers.map((layer) => layer.length));
  const corner = [];
  layers.forEach((layer, at) => layer.forEach((node, i) => {
    const top = ((rows - layer.length) / 2) * stepY;
    corner[node] = { x: 8 + at * stepX, y: 8 + top + i * stepY };
  }));
  const middle = (node) => corner[node].y + NODE.height / 2;
  const lines = ways.map((way) => way.flatMap((node, i) => {
    const points = [];
    if (i > 0) points.push({ x: corner[node].x, y: middle(node) });
    if (i < way.length - 1) points.push({ x: corner[node].x + NODE.width, y: middle(node) });
    return points;
  }));
  return {
    width: 16 + layers.length * stepX - NODE.columnGap,
    height: 16 + rows * stepY - NODE.rowGap,
    corners: corner.slice(0, count),
    lines,
  };
}
