package ensemble

// Tree is one regression tree as XGBoost stores it: parallel arrays indexed by
// node id, node 0 the root. Deleted nodes (exact trees pruned by gamma) keep
// their place and are unreachable.
type Tree struct {
	LeftChildren  []int32 // -1 at a leaf
	RightChildren []int32 // -1 at a leaf
	Parents       []int32 // 2147483647 at the root
	SplitIndices  []int32 // feature
	// SplitConditions is the threshold of an inner node (left iff x <
	// threshold) and the value of a leaf, learning rate included.
	SplitConditions []float32
	DefaultLeft     []bool // where a missing value goes
	LossChanges     []float32
	SumHessian      []float32
	BaseWeights     []float32

	// Categorical splits; empty in trees without them. A node whose SplitType
	// is 1 sends the categories in Categories[CategoriesSegments[i]:][:CategoriesSizes[i]]
	// of its position i in CategoriesNodes to the right.
	SplitType          []uint8
	Categories         []int32
	CategoriesNodes    []int32
	CategoriesSegments []int64
	CategoriesSizes    []int64

	NumDeleted int32
}

// Model is a booster: trees (gbtree, dart) or a linear model (gblinear).
type Model struct {
	Version [3]int32 // of the XGBoost that wrote it, or whose format is meant

	Booster   string // gbtree, dart or gblinear
	Objective string // binary:logistic, reg:squarederror, …
	// ObjectiveParams are the objective's parameters by block, as in the file
	// ("reg_loss_param": {"scale_pos_weight": "1"}).
	ObjectiveParams map[string]map[string]string

	// BaseScore is the intercept on the scale of the file (a probability for
	// the logistic objectives): one value, or one per output.
	BaseScore        []float32
	BoostFromAverage bool
	NumFeature       int
	NumClass         int // 0 unless multi-class
	NumTarget        int

	FeatureNames []string // empty where the file has none
	FeatureTypes []string
	Attributes   map[string]string

	Trees           []Tree
	TreeInfo        []int32 // output group of each tree
	IterationIndptr []int32 // first tree of each boosting round, and the end
	NumParallelTree int
	WeightDrop      []float32 // dart: one factor per tree
	Linear          []float32 // gblinear: NumFeature*groups weights, then groups biases
	BoostedRounds   int       // gblinear: rounds trained, 0 where the file does not say
}
