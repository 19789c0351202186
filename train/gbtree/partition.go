package gbtree

// minChunk is the least number of rows worth a goroutine of their own.
const minChunk = 1 << 14

// rowTask is a part of a node's rows.
type rowTask struct {
	node       *histNode
	begin, end int // within the node's rows
	left       int // how many of them went left
}

// cutRows divides the rows of the nodes into tasks of similar size, in order.
func cutRows(nodes []*histNode, threads int) []rowTask {
	total := 0
	for _, n := range nodes {
		total += n.end - n.begin
	}
	size := total
	if threads > 1 {
		size = max(minChunk, total/(2*threads))
	}
	var tasks []rowTask
	for _, n := range nodes {
		rows := n.end - n.begin
		parts := max(1, (rows+size/2)/max(1, size))
		for i := range parts {
			tasks = append(tasks, rowTask{node: n, begin: i * rows / parts, end: (i + 1) * rows / parts})
		}
	}
	return tasks
}

// goesLeft tells for every bin of the node's split feature whether it goes
// left. The last slot is that of missing values.
func (q *quantized) goesLeft(s *split) []uint8 {
	f := int(s.feature)
	nb := q.nbins(f)
	table := make([]uint8, max(256, nb+1))
	for b := range nb {
		if int32(b) <= s.bin {
			table[b] = 1
		}
	}
	if q.missing[f] && s.defaultLeft {
		table[nb] = 1
	}
	return table
}

// partition moves the rows of every node to its two children, in order.
func (g *histGrower) partition(nodes []*histNode) {
	tables := make(map[*histNode][]uint8, len(nodes))
	for _, n := range nodes {
		tables[n] = g.q.goesLeft(&n.best)
	}
	tasks := cutRows(nodes, g.threads)
	parallel(g.threads, len(tasks), func(i int) {
		t := &tasks[i]
		n := t.node
		rows := g.rows(n)[t.begin:t.end]
		left := g.buffers[(n.depth+1)&1][n.begin+t.begin:][:len(rows)]
		right := g.aside[n.begin+t.begin:][:len(rows)]
		t.left = divide(rows, &g.q.columns[n.best.feature], tables[n], left, right)
	})
	first := make([]int, 0, len(nodes)+1) // first task of each node
	for i := range tasks {
		if i == 0 || tasks[i].node != tasks[i-1].node {
			first = append(first, i)
		}
	}
	first = append(first, len(tasks))
	parallel(g.threads, len(nodes), func(i int) { g.gather(tasks[first[i]:first[i+1]]) })
}

// gather puts the pieces of one node together: first what went left.
func (g *histGrower) gather(tasks []rowTask) {
	n := tasks[0].node
	dst := g.buffers[(n.depth+1)&1]
	at := n.begin
	for _, t := range tasks {
		from := n.begin + t.begin
		if from != at {
			copy(dst[at:], dst[from:from+t.left])
		}
		at += t.left
	}
	l, r := g.children(n)
	l.begin, l.end = n.begin, at
	r.begin, r.end = at, n.end
	for _, t := range tasks {
		from := n.begin + t.begin
		at += copy(dst[at:], g.aside[from:from+t.end-t.begin-t.left])
	}
}

// divide writes the rows that go left and right, keeping their order, and
// returns how many went left. Both destinations are as long as rows.
func divide(rows []uint32, col *binColumn, table []uint8, left, right []uint32) int {
	if l, ok := divideFast(rows, col, table, left, right); ok {
		return l
	}
	if col.narrow != nil {
		return divideRows(rows, col.narrow, table, left, right)
	}
	return divideRows(rows, col.wide, table, left, right)
}

// divideRows is divide for every processor.
func divideRows[T uint8 | uint16](rows []uint32, col []T, table []uint8, left, right []uint32) int {
	l := 0
	left = left[:len(rows)]
	right = right[:len(rows)]
	for i, r := range rows {
		left[l] = r
		right[i-l] = r
		l += int(table[col[r]])
	}
	return l
}

// settle adds the leaf values of the nodes' children, which stay leaves, to the
// margins of their rows without moving them.
func (g *histGrower) settle(nodes []*histNode, margin []float32) {
	for _, n := range nodes {
		l, r := g.children(n)
		l.settled, r.settled = true, true
	}
	tasks := cutRows(nodes, g.threads)
	parallel(g.threads, len(tasks), func(i int) {
		t := &tasks[i]
		l, r := g.children(t.node)
		table := g.q.goesLeft(&t.node.best)
		values := make([]float32, len(table))
		for b, left := range table {
			values[b] = r.leaf
			if left != 0 {
				values[b] = l.leaf
			}
		}
		rows := g.rows(t.node)[t.begin:t.end]
		if col := &g.q.columns[t.node.best.feature]; col.narrow != nil {
			addLeaves(margin, rows, col.narrow, values)
		} else {
			addLeaves(margin, rows, col.wide, values)
		}
	})
	for _, n := range nodes {
		g.dropHist(n)
	}
}

func addLeaves[T uint8 | uint16](margin []float32, rows []uint32, col []T, values []float32) {
	for _, r := range rows {
		margin[r] += values[col[r]]
	}
}
