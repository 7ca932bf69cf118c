namespace Holdfast.Benchmarks.Traces;

/// <summary>Keeps exactly the keys that were asked for last.</summary>
internal sealed class ExactLru(int capacity) : ITracedCache
{
    private readonly Dictionary<int, LinkedListNode<int>> _nodes = new(capacity);
    private readonly LinkedList<int> _byUse = new();

    public bool Request(int key)
    {
        if (_nodes.TryGetValue(key, out LinkedListNode<int>? node))
        {
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return true;
        }

        if (_nodes.Count == capacity)
        {
            node = _byUse.Last!;
            _byUse.Remove(node);
            _nodes.Remove(node.Value);
            node.Value = key;
        }
        else
        {
            node = new LinkedListNode<int>(key);
        }

        _byUse.AddFirst(node);
        _nodes.Add(key, node);
        return false;
    }
}
