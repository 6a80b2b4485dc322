"""The one door for private names of scikit-learn and Keras, each with its reason."""
