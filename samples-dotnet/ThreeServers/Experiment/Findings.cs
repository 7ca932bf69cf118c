namespace ThreeServers.Experiment;

/// <summary>What the readers behind the proxy saw after one update.</summary>
/// <param name="Cache">The cache that the instances had.</param>
/// <param name="UpdatedBy">The instance that took the update.</param>
/// <param name="NewPrice">The price that the update set.</param>
/// <param name="Answers">Every answer, in order.</param>
public sealed record Findings(string Cache, string UpdatedBy, decimal NewPrice, IReadOnlyList<Answer> Answers)
{
    /// <summary>Answers with another price than the database's.</summary>
    public int Stale => Answers.Count(answer => answer.Price != NewPrice);
}

/// <summary>One answer: who gave it, and the price in it.</summary>
public sealed record Answer(string Instance, decimal Price);
