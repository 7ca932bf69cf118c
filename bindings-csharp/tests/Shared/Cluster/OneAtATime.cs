// All tests share one cluster, and its clock: only the test that runs may move it.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
